#include "quantize/closed_weight.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRows = 16;
constexpr float kEps = 0x1p-23F;
constexpr float kBulk = 7;       // the bulk of W8A8S fits int4
constexpr float kGuarded = 119;  // two_level: q4 * s2 stays within int8

// body(row number, values) for every row, from all threads.
template <typename Body>
void for_rows(const WeightRows& weight, const Body& body) {
  parallel_ranges(weight.rows(), kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(static_cast<std::size_t>(weight.width()));
    for (std::int64_t r = begin; r < end; ++r) body(r, weight.row(r, buffer.data()));
  });
}

float kth_largest(std::vector<float>& sizes, double fraction) {
  const auto k = std::max<std::size_t>(
      1, static_cast<std::size_t>(fraction * static_cast<double>(sizes.size())));
  const auto at = sizes.end() - static_cast<std::ptrdiff_t>(k);
  std::nth_element(sizes.begin(), at, sizes.end());
  return *at;
}

// The largest |w| within the threshold, or the threshold.
float largest_bulk(const float* row, std::int64_t k, float threshold) {
  float best = 0;
  for (std::int64_t j = 0; j < k; ++j) {
    const float size = std::fabs(row[j]);
    if (size <= threshold) best = std::max(best, size);
  }
  return best > 0 ? best : threshold;
}

// Unbiased standard deviation; 0 for one value.
double deviation(const std::vector<float>& values) {
  if (values.size() < 2) return 0;
  double sum = 0;
  double squares = 0;
  for (const float value : values) sum += static_cast<double>(value);
  const double mean = sum / static_cast<double>(values.size());
  for (const float value : values) {
    const double d = static_cast<double>(value) - mean;
    squares += d * d;
  }
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

std::vector<float> sizes_of(const float* row, std::int64_t k) {
  std::vector<float> sizes(static_cast<std::size_t>(k));
  for (std::int64_t j = 0; j < k; ++j) sizes[static_cast<std::size_t>(j)] = std::fabs(row[j]);
  return sizes;
}

// Largest value of the bulk of every row.
std::vector<float> bulk_of_rows(const WeightConfig& config, const WeightRows& weight) {
  const std::int64_t k = weight.width();
  std::vector<float> bulk(static_cast<std::size_t>(weight.rows()));
  if (config.method == "lowbit") {
    for_rows(weight, [&](std::int64_t r, const float* row) {
      std::vector<float> sizes = sizes_of(row, k);
      bulk[static_cast<std::size_t>(r)] =
          config.sigma_factor
              ? largest_bulk(row, k, static_cast<float>(*config.sigma_factor * deviation(sizes)))
              : kth_largest(sizes, config.fraction);
    });
    return bulk;
  }
  std::vector<float> sizes(static_cast<std::size_t>(weight.rows() * k));
  for_rows(weight, [&](std::int64_t r, const float* row) {
    for (std::int64_t j = 0; j < k; ++j)
      sizes[static_cast<std::size_t>(r * k + j)] = std::fabs(row[j]);
  });
  const float threshold = kth_largest(sizes, config.fraction);
  for_rows(weight, [&](std::int64_t r, const float* row) {
    bulk[static_cast<std::size_t>(r)] = largest_bulk(row, k, threshold);
  });
  return bulk;
}

bool is_sparse(const WeightConfig& config) {
  return config.method == "co_sparse" || config.method == "lowbit";
}

}  // namespace

std::vector<QuantParam> params_of_rows(const WeightConfig& config, const WeightRows& weight) {
  if (!is_sparse(config) && !config.per_tensor) return {};
  std::vector<QuantParam> params(static_cast<std::size_t>(weight.rows()));
  if (is_sparse(config)) {
    const std::vector<float> bulk = bulk_of_rows(config, weight);
    for (std::size_t r = 0; r < params.size(); ++r)
      params[r].scale = round_to_dtype(std::max(bulk[r] / kBulk, kEps), config.scale_dtype);
    if (config.per_tensor) {
      const float largest =
          std::max_element(params.begin(), params.end(), [](QuantParam a, QuantParam b) {
            return a.scale < b.scale;
          })->scale;
      for (QuantParam& param : params) param.scale = largest;
    }
    return params;
  }
  std::vector<MinMax> ranges(params.size());
  for_rows(weight, [&](std::int64_t r, const float* row) {
    ranges[static_cast<std::size_t>(r)] = min_max(row, weight.width());
  });
  MinMax whole = ranges.front();
  for (const MinMax& range : ranges)
    whole = {std::min(whole.min, range.min), std::max(whole.max, range.max)};
  std::fill(params.begin(), params.end(),
            integer_param(whole.min, whole.max, config.symmetric, config.bits, config.scale_dtype));
  return params;
}

void quantize_two_level(const WeightConfig& config, const WeightRows& weight,
                        QuantizedLinear& out) {
  const std::int64_t k = out.spec.in;
  const std::int64_t width = config.group_size;
  out.group_size = width;
  const std::int64_t groups = out.groups();
  out.codes = Tensor::uninitialized(DType::kI8, {out.spec.out, k});
  out.row_scale.resize(static_cast<std::size_t>(out.spec.out));
  out.group_scale.resize(static_cast<std::size_t>(out.spec.out * groups));
  out.weight_scale.resize(out.group_scale.size());
  std::atomic<bool> bad{false};
  for_rows(weight, [&](std::int64_t r, const float* row) {
    const MinMax range = min_max(row, k);
    if (!std::isfinite(range.min) || !std::isfinite(range.max)) {
      bad = true;
      return;
    }
    const float scale = round_to_dtype(std::max(std::max(-range.min, range.max) / kGuarded, kEps),
                                       config.scale_dtype);
    out.row_scale[static_cast<std::size_t>(r)] = scale;
    std::vector<float> bytes(static_cast<std::size_t>(width));
    for (std::int64_t g = 0; g < groups; ++g) {
      float largest = 0;
      for (std::int64_t j = 0; j < width; ++j) {
        float& byte = bytes[static_cast<std::size_t>(j)];
        byte = std::clamp(std::nearbyint(row[g * width + j] / scale), -128.0F, 127.0F);
        largest = std::max(largest, std::fabs(byte));
      }
      const float step = std::max(std::nearbyint(largest / 7), 1.0F);
      const auto at = static_cast<std::size_t>(r * groups + g);
      out.group_scale[at] = step;
      out.weight_scale[at] = step * scale;
      auto* codes = out.codes.as<std::int8_t>() + r * k + g * width;
      for (std::int64_t j = 0; j < width; ++j)
        codes[j] = static_cast<std::int8_t>(
            std::clamp(std::nearbyint(bytes[static_cast<std::size_t>(j)] / step), -8.0F, 7.0F));
    }
  });
  if (bad)
    throw DataError(fmt::format("tensor {}.weight holds NaN or infinite values", out.spec.name),
                    "the checkpoint is damaged; download the shard again");
}

}  // namespace msmodelslim
