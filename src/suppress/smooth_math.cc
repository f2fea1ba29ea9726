#include "suppress/smooth_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.h"

namespace msmodelslim {

std::vector<float> column_max(const std::vector<Linear*>& linears, bool is_signed) {
  const std::int64_t width = linears.front()->spec().in;
  std::vector<float> result(static_cast<std::size_t>(width),
                            -std::numeric_limits<float>::infinity());
  for (Linear* linear : linears) {
    const float* weight = linear->weight();
    constexpr std::int64_t kColumns = 64;
    parallel_ranges(width, kColumns, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = 0; i < linear->spec().out; ++i) {
        const float* row = weight + i * width;
        for (std::int64_t j = begin; j < end; ++j) {
          const float value = is_signed ? row[j] : std::fabs(row[j]);
          float& best = result[static_cast<std::size_t>(j)];
          best = value > best ? value : best;
        }
      }
    });
  }
  for (float& value : result) value = std::max(value, 1e-5F);
  return result;
}

std::vector<float> smooth_scales(const std::vector<float>& act, const std::vector<float>& weight,
                                 double alpha, double beta, double floor) {
  std::vector<float> scales(act.size());
  for (std::size_t j = 0; j < act.size(); ++j) {
    const float numerator = std::pow(act[j], static_cast<float>(alpha));
    const float denominator = std::pow(weight[j], static_cast<float>(beta));
    scales[j] = std::max(numerator / denominator, static_cast<float>(floor));
  }
  return scales;
}

namespace {
template <typename Join>
std::vector<float> reduce_heads(const std::vector<float>& values, const HeadShape& shape,
                                const Join& join) {
  const std::int64_t group = shape.heads / shape.kv_heads;
  std::vector<float> result(static_cast<std::size_t>(shape.kv_heads * shape.head_dim));
  for (std::int64_t kv = 0; kv < shape.kv_heads; ++kv)
    for (std::int64_t d = 0; d < shape.head_dim; ++d) {
      float joined = values[static_cast<std::size_t>(kv * group * shape.head_dim + d)];
      for (std::int64_t g = 1; g < group; ++g)
        joined =
            join(joined, values[static_cast<std::size_t>((kv * group + g) * shape.head_dim + d)]);
      result[static_cast<std::size_t>(kv * shape.head_dim + d)] = joined;
    }
  return result;
}
}  // namespace

std::vector<float> mean_over_query_heads(const std::vector<float>& values, const HeadShape& shape) {
  std::vector<float> sums = reduce_heads(values, shape, [](float a, float b) { return a + b; });
  const auto group = static_cast<float>(shape.heads / shape.kv_heads);
  for (float& value : sums) value /= group;
  return sums;
}

std::vector<float> max_over_query_heads(const std::vector<float>& values, const HeadShape& shape) {
  return reduce_heads(values, shape, [](float a, float b) { return std::max(a, b); });
}

std::vector<float> repeat_for_query_heads(const std::vector<float>& values,
                                          const HeadShape& shape) {
  const std::int64_t group = shape.heads / shape.kv_heads;
  std::vector<float> result(static_cast<std::size_t>(shape.heads * shape.head_dim));
  for (std::int64_t h = 0; h < shape.heads; ++h)
    std::copy_n(values.begin() + h / group * shape.head_dim, shape.head_dim,
                result.begin() + h * shape.head_dim);
  return result;
}

void scale_columns(Linear& linear, const std::vector<float>& scales) {
  float* weight = linear.mutable_weight();
  const std::int64_t width = linear.spec().in;
  parallel_for(linear.spec().out, [&](std::int64_t i) {
    for (std::int64_t j = 0; j < width; ++j)
      weight[i * width + j] *= scales[static_cast<std::size_t>(j)];
  });
}

void divide_rows(Linear& linear, const std::vector<float>& scales) {
  float* weight = linear.mutable_weight();
  const std::int64_t width = linear.spec().in;
  parallel_for(linear.spec().out, [&](std::int64_t i) {
    const float factor = 1.0F / scales[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j < width; ++j) weight[i * width + j] *= factor;
  });
  std::vector<float>& bias = linear.mutable_bias();
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] *= 1.0F / scales[i];
}

void add_product(Linear& linear, const std::vector<float>& x) {
  const LinearSpec& spec = linear.spec();
  const float* weight = linear.weight();
  std::vector<float>& bias = linear.mutable_bias();
  if (bias.empty()) bias.assign(static_cast<std::size_t>(spec.out), 0.0F);
  for (std::int64_t i = 0; i < spec.out; ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < spec.in; ++j)
      sum += static_cast<double>(weight[i * spec.in + j]) *
             static_cast<double>(x[static_cast<std::size_t>(j)]);
    bias[static_cast<std::size_t>(i)] += static_cast<float>(sum);
  }
}

void divide_norm(Norm& norm, const std::vector<float>& scales) {
  for (std::size_t j = 0; j < scales.size(); ++j) {
    const float factor = 1.0F / scales[j];
    norm.weight[j] *= factor;
    if (!norm.bias.empty()) norm.bias[j] *= factor;
  }
  norm.changed = true;
}

}  // namespace msmodelslim
