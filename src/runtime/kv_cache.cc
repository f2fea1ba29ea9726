#include "runtime/kv_cache.h"

#include <algorithm>

#include "kernels/ops.h"

namespace msmodelslim {

SequenceCache::SequenceCache(const ModelSpec& model)
    : dtype_(model.dtype == DType::kBF16 ? DType::kBF16 : DType::kF32),
      width_(model.kv_heads * model.head_dim),
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
  const std::int64_t begin = length_ * width_;
  const void* keys = keys_[at].put(dtype_, k, begin, rows * width_);
  const void* values = values_[at].put(dtype_, v, begin, rows * width_);
  return {length_ + rows, dtype_, keys, values};
}

void SequenceCache::copy_prefix(const SequenceCache& other, std::int64_t tokens) {
  const auto copy = [&](const Values& from, Values* to) {
    const auto count = static_cast<std::ptrdiff_t>(tokens * width_);
    if (dtype_ == DType::kF32)
      to->f32.assign(from.f32.begin(), from.f32.begin() + count);
    else
      to->bf16.assign(from.bf16.begin(), from.bf16.begin() + count);
  };
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    copy(other.keys_[i], &keys_[i]);
    copy(other.values_[i], &values_[i]);
  }
  length_ = tokens;
}

std::size_t SequenceCache::bytes() const {
  return 2 * keys_.size() * static_cast<std::size_t>(length_ * width_) * dtype_size(dtype_);
}

}  // namespace msmodelslim
