#include "runtime/kv_cache.h"

#include <algorithm>

#include "kernels/ops.h"

namespace msmodelslim {

SequenceCache::SequenceCache(const ModelSpec& model)
    : dtype_(model.dtype == DType::kBF16 ? DType::kBF16 : DType::kF32),
      key_width_(model.key_width),
      value_width_(model.value_width),
      keys_(model.blocks.size()),
      values_(model.blocks.size()) {}

const void* SequenceCache::Values::put(DType dtype, const float* rows, std::int64_t at,
                                       std::int64_t count) {
  const auto end = static_cast<std::size_t>(at + count);
  if (dtype == DType::kF32) {
    f32.resize(end);
    std::copy_n(rows, count, f32.data() + at);
    return f32.data();
  }
  bf16.resize(end);
  f32_to_bf16(rows, bf16.data() + at, count);
  return bf16.data();
}

CachedRows SequenceCache::add(std::int64_t block, const float* k, const float* v,
                              std::int64_t rows) {
  const auto at = static_cast<std::size_t>(block);
  const void* keys = keys_[at].put(dtype_, k, length_ * key_width_, rows * key_width_);
  const void* values = values_[at].put(dtype_, v, length_ * value_width_, rows * value_width_);
  return {length_ + rows, dtype_, keys, values};
}

}  // namespace msmodelslim
