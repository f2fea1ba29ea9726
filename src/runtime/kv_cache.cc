#include "runtime/kv_cache.h"

#include <algorithm>

#include "kernels/ops.h"

namespace msmodelslim {

SequenceCache::SequenceCache(const ModelSpec& model, std::vector<const KvCacheParams*> codes)
    : dtype_(model.dtype == DType::kBF16 ? DType::kBF16 : DType::kF32),
      codes_(std::move(codes)),
      key_width_(model.key_width),
      value_width_(model.value_width),
      keys_(model.blocks.size()),
      values_(model.blocks.size()),
      states_(model.blocks.size()) {
  codes_.resize(model.blocks.size(), nullptr);
  const auto width = static_cast<std::size_t>(key_width_ + value_width_);
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    const BlockSpec& block = model.blocks[i];
    if (block.delta || (block.entries && block.entries->compressor)) has_states_ = true;
    if (!block.delta) token_bytes_ += width * (codes_[i] != nullptr ? 1 : dtype_size(dtype_));
  }
}

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

const void* SequenceCache::Values::put(const ChannelParams& params, const float* rows,
                                       std::int64_t at, std::int64_t count) {
  const auto width = static_cast<std::int64_t>(params.scale.size());
  codes.resize(static_cast<std::size_t>((at + count) * width));
  quantize_channels(params, rows, count, codes.data() + at * width);
  return codes.data();
}

CachedRows SequenceCache::add(std::int64_t block, const float* k, const float* v,
                              std::int64_t rows) {
  const auto at = static_cast<std::size_t>(block);
  if (const KvCacheParams* params = codes_[at]; params != nullptr) {
    const auto scales = [](const ChannelParams& channels) {
      return ChannelScales{channels.scale.data(), channels.offset.data()};
    };
    const void* keys = keys_[at].put(params->key, k, length_, rows);
    const void* values = values_[at].put(params->value, v, length_, rows);
    return {length_ + rows, DType::kI8, keys, values, scales(params->key), scales(params->value)};
  }
  const void* keys = keys_[at].put(dtype_, k, length_ * key_width_, rows * key_width_);
  // Latent attention that shares the choice of another block has no keys of an indexer, and keys
  // may be their own values.
  const void* values =
      v == nullptr ? nullptr
                   : values_[at].put(dtype_, v, length_ * value_width_, rows * value_width_);
  return {length_ + rows, dtype_, keys, values, {}, {}};
}

void SequenceCache::copy_prefix(const SequenceCache& other, std::int64_t tokens) {
  const auto copy = [&](const Values& from, std::int64_t width, Values* to) {
    const auto count = static_cast<std::size_t>(tokens * width);  // a block that never ran has none
    const auto first = [&](const auto& values) {
      return std::vector(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(
                                                              std::min(count, values.size())));
    };
    to->f32 = first(from.f32);
    to->bf16 = first(from.bf16);
    to->codes = first(from.codes);
  };
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    copy(other.keys_[i], key_width_, &keys_[i]);
    copy(other.values_[i], value_width_, &values_[i]);
  }
  states_ = other.states_;
  length_ = tokens;
}

void SequenceCache::shrink() {
  for (std::vector<Values>* all : {&keys_, &values_})
    for (Values& values : *all) {
      values.f32.shrink_to_fit();
      values.bf16.shrink_to_fit();
      values.codes.shrink_to_fit();
    }
}

std::size_t SequenceCache::bytes() const {
  std::size_t floats = 0;
  for (const KeptState& state : states_) floats += state.floats();
  return floats * sizeof(float) + static_cast<std::size_t>(length_) * token_bytes_;
}

}  // namespace msmodelslim
