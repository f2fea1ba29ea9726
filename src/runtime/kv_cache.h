#pragma once
// Cached keys and values of running sequences. Where the folder has an int8 cache, its codes are
// kept; otherwise those of a bfloat16 model in bfloat16, as engines do, of other models in fp32.

#include <cstdint>
#include <memory>
#include <vector>

#include "forward/context.h"
#include "quantize/kv_cache.h"

namespace msmodelslim {

// One sequence: [tokens, key_width] of keys and [tokens, value_width] of values for every block.
class SequenceCache {
 public:
  // `codes`: by block the parameters of an int8 cache, or null; they must outlive the object.
  explicit SequenceCache(const ModelSpec& model, std::vector<const KvCacheParams*> codes = {});
  std::int64_t length() const { return length_; }  // tokens of finished runs
  // Adds rows of one block; they count for length() after commit().
  CachedRows add(std::int64_t block, const float* k, const float* v, std::int64_t rows);
  void commit(std::int64_t rows) { length_ += rows; }
  // Of a block with a delta net or a compressor; it counts for length() as rows do.
  KeptState& state(std::int64_t block) { return states_[static_cast<std::size_t>(block)]; }
  // False: what it keeps is of all its tokens only, not of fewer.
  bool can_cut() const { return !has_states_; }
  // Becomes the first `tokens` tokens of another cache of the same model; all where that cannot be
  // cut.
  void copy_prefix(const SequenceCache& other, std::int64_t tokens);
  void shrink();              // gives room for more rows back
  std::size_t bytes() const;  // of keys and values

 private:
  struct Values {
    std::vector<float> f32;
    std::vector<std::uint16_t> bf16;
    std::vector<std::int8_t> codes;
    const void* put(DType dtype, const float* rows, std::int64_t at, std::int64_t count);
    const void* put(const ChannelParams& params, const float* rows, std::int64_t at,
                    std::int64_t count);
  };
  DType dtype_;
  std::vector<const KvCacheParams*> codes_;  // by block; null: as `dtype_` says
  std::int64_t key_width_;
  std::int64_t value_width_;
  std::int64_t length_ = 0;
  std::vector<Values> keys_;       // by block
  std::vector<Values> values_;     // by block
  std::vector<KeptState> states_;  // by block
  bool has_states_ = false;
  std::size_t token_bytes_ = 0;  // of a token's keys and values
};

// The caches of the sequences of one run, in its order.
class BatchCache : public KvCache {
 public:
  BatchCache(const ModelSpec& model, std::vector<SequenceCache*> sequences)
      : model_(model), sequences_(std::move(sequences)) {}
  CachedRows add(const Block& block, std::size_t index, const float* k, const float* v,
                 std::int64_t rows) override {
    return sequences_[index]->add(block.spec - model_.blocks.data(), k, v, rows);
  }
  KeptState& state(const Block& block, std::size_t index) override {
    return sequences_[index]->state(block.spec - model_.blocks.data());
  }

 private:
  const ModelSpec& model_;
  std::vector<SequenceCache*> sequences_;
};

}  // namespace msmodelslim
