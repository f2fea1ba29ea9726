#include "quantize/float_sparse.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/cholesky.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"
#include "kernels/select.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

constexpr int kRounds = 20;
constexpr int kMaskRounds = 15;
constexpr float kDamping = 0.1F;
constexpr double kKept = 0.02;
constexpr std::int64_t kRowTile = 1024;
constexpr std::int64_t kTile = 256;
constexpr float kLargestHalf = 65504.0F;

using Mask = std::vector<std::uint8_t>;  // [out, in], 1: stays

// Zero at the `zeros` smallest |t|; of equal ones at the first.
void choose_mask(const std::vector<float>& t, std::int64_t width, std::int64_t zeros, Mask& mask) {
  std::fill(mask.begin(), mask.end(), std::uint8_t{1});
  if (zeros == 0) return;
  const auto count = static_cast<std::int64_t>(t.size());
  const float limit = kth_smallest_magnitude(t.data(), count, zeros - 1);
  const std::int64_t rows = count / width;
  std::vector<std::int64_t> below(static_cast<std::size_t>(rows));
  std::vector<std::int64_t> equal(static_cast<std::size_t>(rows));
  parallel_for(rows, [&](std::int64_t r) {
    for (std::int64_t j = r * width; j < (r + 1) * width; ++j) {
      const auto i = static_cast<std::size_t>(j);
      const float magnitude = std::fabs(t[i]);
      if (magnitude < limit) ++below[static_cast<std::size_t>(r)];
      if (magnitude == limit) ++equal[static_cast<std::size_t>(r)];
      mask[i] = magnitude >= limit ? 1 : 0;
    }
  });
  std::int64_t ties = zeros - std::accumulate(below.begin(), below.end(), std::int64_t{0});
  for (std::int64_t r = 0; r < rows && ties > 0; ++r) {
    if (equal[static_cast<std::size_t>(r)] == 0) continue;
    for (std::int64_t j = r * width; j < (r + 1) * width && ties > 0; ++j) {
      const auto i = static_cast<std::size_t>(j);
      if (std::fabs(t[i]) != limit) continue;
      mask[i] = 0;
      --ties;
    }
  }
}

// Magnitude from which on the harm of rounding lets a value keep its mantissa.
float keep_limit(const std::vector<float>& harm) {
  const auto count = static_cast<std::int64_t>(harm.size());
  const auto rank = static_cast<std::int64_t>(static_cast<double>(count) * kKept - 1);
  return kth_smallest_magnitude(harm.data(), count, count - 1 - std::max<std::int64_t>(rank, 0));
}

}  // namespace

float round_sparse(float half, bool keep) {
  if (half == 0) return half;
  const int exponent = std::ilogb(half);
  if (exponent < -14) return keep ? half : 0.0F;
  const float mantissa = std::fabs(std::ldexp(half, -exponent));
  float rounded = mantissa;
  if (exponent < -8)
    rounded = mantissa > 1.5F ? 2.0F : 1.0F;
  else if (!keep)
    rounded = std::nearbyint(mantissa * 4) / 4;
  return std::copysign(std::ldexp(rounded, exponent), half);
}

SparsePruner::SparsePruner(const Hessian& inputs, const std::string& linear) {
  if (inputs.rows() == 0)
    throw DataError(fmt::format("{}: no calibration token reached it", linear),
                    "use a larger calibration set, or exclude it from float_sparse");
  products_ = inputs.products();
  width_ = std::llround(std::sqrt(static_cast<double>(products_.size())));
  norm_.resize(static_cast<std::size_t>(width_));
  for (std::size_t i = 0; i < norm_.size(); ++i)
    norm_[i] = std::sqrt(products_[i * (norm_.size() + 1)]) + 1e-8F;
  if (!std::isfinite(abs_max(norm_.data(), width_)))
    throw DataError(fmt::format("{}: its input has NaN or infinite values", linear),
                    "a weight before it is damaged, or the model overflows; check the checkpoint");
  parallel_for(width_, [&](std::int64_t r) {
    float* row = products_.data() + r * width_;
    for (std::size_t j = 0; j < norm_.size(); ++j)
      row[j] = row[j] / norm_[j] / norm_[static_cast<std::size_t>(r)];
  });
  double mean = 0;
  for (std::size_t i = 0; i < norm_.size(); ++i)
    mean += static_cast<double>(products_[i * (norm_.size() + 1)]) / static_cast<double>(width_);
  std::vector<float> u = products_;
  for (std::size_t i = 0; i < norm_.size(); ++i) {
    products_[i * (norm_.size() + 1)] += kDamping * static_cast<float>(mean);
    u[i * (norm_.size() + 1)] = products_[i * (norm_.size() + 1)] + 1.0F;
  }
  if (!inverse_cholesky(u, width_))
    throw DataError(fmt::format("{}: the products of its inputs cannot be inverted", linear),
                    "use another calibration set, or exclude it from float_sparse");
  inverse_.resize(u.size());
  const std::int64_t tiles = (width_ + kTile - 1) / kTile;
  parallel_for(tiles * tiles, [&](std::int64_t tile) {  // P = U^T U; U is upper triangular
    const std::int64_t r = tile / tiles * kTile;
    const std::int64_t c = tile % tiles * kTile;
    const std::int64_t rows = std::min(kTile, width_ - r);
    const std::int64_t columns = std::min(kTile, width_ - c);
    const std::int64_t depth = std::min(r + rows, c + columns);
    matmul_tn_tile(u.data() + r, width_, u.data() + c, width_, inverse_.data() + r * width_ + c,
                   width_, rows, columns, depth);
  });
}

std::vector<float> SparsePruner::pruned(const WeightRows& weight, double ratio,
                                        const std::string& name) const {
  const std::int64_t n = weight.rows();
  std::vector<float> t(static_cast<std::size_t>(n * width_));  // w + u
  parallel_for(n, [&](std::int64_t r) {
    float* row = t.data() + r * width_;
    const float* source = weight.row(r, row);
    for (std::size_t j = 0; j < norm_.size(); ++j) row[j] = source[j] * norm_[j];
  });
  if (!std::isfinite(abs_max(t.data(), n * width_)))
    throw DataError(fmt::format("tensor {}.weight holds NaN or infinite values", name),
                    "the checkpoint is damaged; download the shard again");
  std::vector<float> target(t.size());  // N W d
  matmul_nt(t.data(), width_, products_.data(), width_, target.data(), width_, n, width_, width_);
  const auto zeros = static_cast<std::int64_t>(static_cast<double>(t.size()) * ratio);
  Mask mask(t.size());
  std::vector<float> right(static_cast<std::size_t>(std::min(kRowTile, n) * width_));
  std::vector<float> w(right.size());
  for (int round = 0; round < kRounds; ++round) {
    if (round < kMaskRounds) choose_mask(t, width_, zeros, mask);
    for (std::int64_t begin = 0; begin < n; begin += kRowTile) {
      const std::int64_t rows = std::min(kRowTile, n - begin);
      parallel_for(rows, [&](std::int64_t r) {
        for (std::int64_t j = 0; j < width_; ++j) {
          const auto i = static_cast<std::size_t>((begin + r) * width_ + j);
          right[static_cast<std::size_t>(r * width_ + j)] =
              target[i] + (mask[i] != 0 ? t[i] : -t[i]);
        }
      });
      matmul_nt(right.data(), width_, inverse_.data(), width_, w.data(), width_, rows, width_,
                width_);
      parallel_for(rows, [&](std::int64_t r) {
        for (std::int64_t j = 0; j < width_; ++j) {
          const auto i = static_cast<std::size_t>((begin + r) * width_ + j);
          t[i] = w[static_cast<std::size_t>(r * width_ + j)] + (mask[i] != 0 ? 0.0F : t[i]);
        }
      });
    }
  }
  parallel_for(n, [&](std::int64_t r) {
    for (std::int64_t j = 0; j < width_; ++j) {
      const auto i = static_cast<std::size_t>(r * width_ + j);
      t[i] = mask[i] != 0 ? t[i] / norm_[static_cast<std::size_t>(j)] : 0.0F;
    }
  });
  return t;
}

void SparsePruner::prune(const WeightRows& weight, double ratio, DType dtype,
                         QuantizedLinear& out) const {
  std::vector<float> values = pruned(weight, ratio, out.spec.name);
  for (float& value : values) value = round_to_dtype(value, dtype);
  const auto count = static_cast<std::int64_t>(values.size());
  const float largest = abs_max(values.data(), count);
  if (!(largest <= kLargestHalf))
    throw DataError(
        fmt::format("{}: float_sparse works in half precision and its weight reaches {:g}",
                    out.spec.name, largest),
        "exclude it from float_sparse");
  std::vector<float> harm(values.size());
  parallel_for(weight.rows(), [&](std::int64_t r) {
    for (std::int64_t j = 0; j < width_; ++j) {
      const auto i = static_cast<std::size_t>(r * width_ + j);
      const float rounded = round_sparse(round_to_f16(values[i]), false);
      harm[i] = std::fabs(values[i] - rounded) * norm_[static_cast<std::size_t>(j)];
    }
  });
  const float limit = keep_limit(harm);
  parallel_ranges(count, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      values[i] = round_sparse(round_to_f16(values[i]), harm[i] >= limit);
  });
  out.type = LinearType::kW16A16S;
  out.codes = from_f32(values.data(), {weight.rows(), width_}, dtype);
}

}  // namespace msmodelslim
