#include "suppress/kv_smooth.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"

namespace msmodelslim {
namespace {

// Row i of the weight, and its bias, times or divided by scale_of(i).
template <typename ScaleOf>
void scale_rows(Linear& linear, bool divide, const ScaleOf& scale_of) {
  float* weight = linear.mutable_weight();
  const std::int64_t in = linear.spec().in;
  parallel_for(linear.spec().out, [&](std::int64_t i) {
    const float s = scale_of(i);
    for (float* w = weight + i * in; w != weight + (i + 1) * in; ++w) *w = divide ? *w / s : *w * s;
  });
  if (linear.bias().empty()) return;
  std::vector<float>& bias = linear.mutable_bias();
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const float s = scale_of(static_cast<std::int64_t>(i));
    bias[i] = divide ? bias[i] / s : bias[i] * s;
  }
}

void scale_norm(Norm& norm, bool divide, const std::vector<float>& scales) {
  norm.changed = true;
  for (std::vector<float>* values : {&norm.weight, &norm.bias})
    for (std::size_t i = 0; i < values->size(); ++i)
      (*values)[i] = divide ? (*values)[i] / scales[i] : (*values)[i] * scales[i];
}

}  // namespace

std::vector<float> key_scales(const ColumnRange& keys, const KeyShape& shape, double factor,
                              bool shared) {
  std::vector<float> largest(keys.min.size());
  for (std::size_t j = 0; j < largest.size(); ++j)
    largest[j] = std::max(std::fabs(keys.min[j]), std::fabs(keys.max[j]));
  for (std::int64_t h = 0; h < shape.kv_heads; ++h)
    for (std::int64_t d = 0; d < shape.half; ++d) {
      float& low = largest[static_cast<std::size_t>(h * shape.head_dim + d)];
      float& high = largest[static_cast<std::size_t>(h * shape.head_dim + d + shape.half)];
      low = high = std::max(low, high);
    }
  if (shared) {
    const auto dim = static_cast<std::size_t>(shape.head_dim);
    for (std::size_t j = dim; j < largest.size(); ++j)
      largest[j % dim] = std::max(largest[j % dim], largest[j]);
    largest.resize(dim);
  }
  for (float& value : largest) {
    value = std::pow(value, static_cast<float>(factor));
    if (!std::isnormal(value)) value = 1;
  }
  return largest;
}

void smooth_keys(Block& block, const KeyShape& shape, const std::vector<float>& scales) {
  if (block.k_norm) {
    scale_norm(*block.k_norm, true, scales);
    scale_norm(*block.q_norm, false, scales);
    return;
  }
  const std::int64_t group = shape.heads / shape.kv_heads;
  const auto of_key = [&](std::int64_t i) { return scales[static_cast<std::size_t>(i)]; };
  const auto of_query = [&](std::int64_t i) {
    const std::int64_t kv_head = i / shape.head_dim / group;
    return scales[static_cast<std::size_t>(kv_head * shape.head_dim + i % shape.head_dim)];
  };
  scale_rows(block.k, true, of_key);
  scale_rows(block.q, false, of_query);
}

}  // namespace msmodelslim
