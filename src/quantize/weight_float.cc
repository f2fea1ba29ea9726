#include "quantize/weight_float.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/ops.h"
#include "quantize/mx.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

double block_error(MxElement element, const float* x, std::int64_t count, int exponent) {
  float rounded[kMxBlock];
  mx_round(element, x, exponent, rounded, count);
  double sum = 0;
  for (std::int64_t j = 0; j < count; ++j) {
    const double d = static_cast<double>(x[j]) - static_cast<double>(rounded[j]);
    sum += d * d;
  }
  return sum;
}

// The exponent nearest to log2(v); a tie goes to the even one.
int nearest_exponent(float v) {
  if (!(v > 0)) return 0;
  const double l = std::log2(static_cast<double>(v));
  const double low = std::floor(l);
  const double part = l - low;
  const int i = static_cast<int>(low);
  if (part > 0.5 + 1e-6) return i + 1;
  if (part < 0.5 - 1e-6) return i;
  return i % 2 == 0 ? i + 1 : i;
}

int choose_exponent(const WeightConfig& config, MxElement element, double ceil_x, const float* x,
                    std::int64_t count) {
  const float largest = abs_max(x, count);
  const int plain = mx_exponent(element, largest);
  if (config.method == "ceil_x") return mx_ceil_exponent(largest, ceil_x);
  if (config.method == "mse_round") {
    const bool power_of_two = largest > 0 && std::ldexp(1.0F, std::ilogb(largest)) == largest;
    if (largest == 0 || power_of_two || plain == 127) return plain;
    const bool up =
        block_error(element, x, count, plain + 1) < block_error(element, x, count, plain);
    return up ? plain + 1 : plain;
  }
  if (config.method == "fouroversix") {
    const int six = std::clamp(nearest_exponent(largest / 6.0F), -127, 127);
    const int four = std::clamp(nearest_exponent(largest / 4.0F), -127, 127);
    return block_error(element, x, count, six) <= block_error(element, x, count, four) ? six : four;
  }
  return plain;
}

class FloatWeight {
 public:
  FloatWeight(const WeightConfig& config, const WeightRows& weight, QuantizedLinear& out)
      : config_(config), weight_(weight), out_(out), n_(out.spec.out), k_(out.spec.in) {}

  void run() {
    if (out_.type == LinearType::kFp8Dynamic) {
      run_fp8();
      return;
    }
    element_ = out_.type == LinearType::kMxFp8 ? MxElement::kFp8 : MxElement::kFp4;
    if (element_ == MxElement::kFp4 && k_ % 2 != 0)
      throw DataError(
          fmt::format("{}: two fp4 values share a byte, it has {} inputs", out_.spec.name, k_),
          "exclude it from the mxfp4 entry of the recipe");
    const bool dual = out_.type == LinearType::kMxFp4Dual;
    if (dual) {
      out_.dual_block = config_.dual_block;
      out_.dual_scale.resize(static_cast<std::size_t>(n_ * blocks(out_.dual_block)));
    }
    out_.exponents.resize(static_cast<std::size_t>(n_ * blocks(kMxBlock)));
    out_.codes = element_ == MxElement::kFp8 ? Tensor::uninitialized(DType::kF8E4M3, {n_, k_})
                                             : Tensor::uninitialized(DType::kU8, {n_, k_ / 2});
    const double ceil_x = config_.ceil_search ? search_ceil_x() : config_.ceil_x;
    for_each_row([&](std::int64_t r, std::vector<float>& row) {
      if (dual) divide_by_dual_scale(r, row.data());
      for (std::int64_t b = 0; b < blocks(kMxBlock); ++b) encode_block(r, b, row.data(), ceil_x);
    });
  }

 private:
  std::int64_t blocks(std::int64_t size) const { return (k_ + size - 1) / size; }

  template <typename Body>
  void for_each_row(const Body& body) {
    std::atomic<bool> bad{false};
    parallel_for(n_, [&](std::int64_t r) {
      std::vector<float> row(static_cast<std::size_t>(k_));
      const float* source = weight_.row(r, row.data());
      if (source != row.data()) std::copy_n(source, k_, row.data());
      if (std::isfinite(abs_max(row.data(), k_)))
        body(r, row);
      else
        bad = true;
    });
    if (bad)
      throw DataError(fmt::format("tensor {}.weight holds NaN or infinite values", out_.spec.name),
                      "the checkpoint is damaged; download the shard again");
  }

  void run_fp8() {
    out_.codes = Tensor::uninitialized(DType::kF8E4M3, {n_, k_});
    out_.weight_scale.resize(static_cast<std::size_t>(n_));
    for_each_row([&](std::int64_t r, const std::vector<float>& row) {
      const float scale =
          round_to_dtype(std::max(abs_max(row.data(), k_), 1e-12F) / 448.0F, config_.scale_dtype);
      out_.weight_scale[static_cast<std::size_t>(r)] = scale;
      for (std::int64_t j = 0; j < k_; ++j)
        out_.codes.as<std::uint8_t>()[r * k_ + j] =
            f32_to_e4m3(std::clamp(row[static_cast<std::size_t>(j)] / scale, -448.0F, 448.0F));
    });
  }

  void divide_by_dual_scale(std::int64_t r, float* row) {
    for (std::int64_t d = 0; d < blocks(out_.dual_block); ++d) {
      const std::int64_t begin = d * out_.dual_block;
      const std::int64_t count = std::min(out_.dual_block, k_ - begin);
      const float largest = abs_max(row + begin, count);
      const float scale = largest > 0 ? largest / 6.0F : 1.0F;
      out_.dual_scale[static_cast<std::size_t>(r * blocks(out_.dual_block) + d)] = scale;
      for (std::int64_t j = begin; j < begin + count; ++j) row[j] /= scale;
    }
  }

  void encode_block(std::int64_t r, std::int64_t b, const float* row, double ceil_x) {
    const std::int64_t begin = b * kMxBlock;
    const std::int64_t count = std::min(kMxBlock, k_ - begin);
    const int exponent = choose_exponent(config_, element_, ceil_x, row + begin, count);
    out_.exponents[static_cast<std::size_t>(r * blocks(kMxBlock) + b)] =
        static_cast<std::uint8_t>(exponent + 127);
    float values[kMxBlock];
    mx_values(element_, row + begin, exponent, values, count);
    auto* codes = out_.codes.as<std::uint8_t>();
    if (element_ == MxElement::kFp8) {
      for (std::int64_t j = 0; j < count; ++j) codes[r * k_ + begin + j] = f32_to_e4m3(values[j]);
      return;
    }
    for (std::int64_t j = 0; j < count; j += 2)
      codes[(r * k_ + begin + j) / 2] =
          static_cast<std::uint8_t>(fp4_code(values[j]) | (fp4_code(values[j + 1]) << 4));
  }

  // The candidate with the smallest squared error over the whole tensor; the first of equals.
  double search_ceil_x() {
    const auto count =
        static_cast<int>(std::lround((config_.ceil_max - config_.ceil_min) / config_.ceil_step));
    double best = config_.ceil_min;
    double best_error = -1;
    for (int i = 0; i <= count; ++i) {
      const double candidate = config_.ceil_min + i * config_.ceil_step;
      std::vector<double> errors(static_cast<std::size_t>(n_));
      for_each_row([&](std::int64_t r, const std::vector<float>& row) {
        for (std::int64_t begin = 0; begin < k_; begin += kMxBlock) {
          const std::int64_t width = std::min(kMxBlock, k_ - begin);
          const float* block = row.data() + begin;
          errors[static_cast<std::size_t>(r)] += block_error(
              element_, block, width, mx_ceil_exponent(abs_max(block, width), candidate));
        }
      });
      double error = 0;
      for (double row_error : errors) error += row_error;
      if (best_error >= 0 && error >= best_error) continue;
      best_error = error;
      best = candidate;
    }
    return best;
  }

  const WeightConfig& config_;
  const WeightRows& weight_;
  QuantizedLinear& out_;
  std::int64_t n_;
  std::int64_t k_;
  MxElement element_ = MxElement::kFp4;
};

}  // namespace

void quantize_float_weight(const WeightConfig& config, const WeightRows& weight,
                           QuantizedLinear& out) {
  FloatWeight(config, weight, out).run();
}

}  // namespace msmodelslim
