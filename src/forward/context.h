#pragma once
// What a run of the decoder block needs besides weights: which rows belong together, how a linear
// is computed, and who looks on.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ranks.h"
#include "forward/block.h"
#include "forward/product.h"
#include "forward/rope_table.h"
#include "forward/routing.h"
#include "kernels/decode_attention.h"

namespace msmodelslim {

// Rows [begin, begin + rows) of the packed hidden states are one sample; its first token has
// position `position`.
struct Sequence {
  std::int64_t begin = 0;
  std::int64_t rows = 0;
  std::int64_t position = 0;
  std::int64_t length = 0;  // that it is known to reach; 0: position + rows

  std::int64_t reached() const { return std::max(length, position + rows); }
};

// Which tokens the rows of a sequence look at, [rows, position + rows]; empty: all that they see.
using ChosenTokens = std::vector<bool>;

class StatisticsReader;

// Looks at the input of a linear; never changes it. Called once per linear and chunk, samples in
// order; an expert's linears only see the rows that go to it, and no call when there are none.
class Tap {
 public:
  virtual ~Tap() = default;
  // x [rows, linear.in]
  virtual void see(const Linear& linear, const float* x, std::int64_t rows,
                   const std::vector<Sequence>& sequences) = 0;
  // False when this tap ignores the linear: its input need not be computed for the tap's sake.
  virtual bool wants(const Linear& linear) const = 0;
  // False: see_kv() and see_latent() are not worth calling; the same of see_routing().
  virtual bool wants_cache() const { return false; }
  virtual bool wants_routing() const { return false; }
  // Of samples that are shared out over ranks. True: what this tap keeps can be combined, and it
  // then is what one tap on all samples has. Others are shown everything.
  virtual bool combines() const { return false; }
  virtual void combine(Ranks&) {}
  // What it has seen, and back into a tap that was made in the same way: for runs that have the
  // same pass (pipeline/gathered.h). Every tap of a recipe's entries has both, others throw.
  virtual void store(ByteWriter& out) const;
  virtual void load(StatisticsReader& in);
  // The block's keys (after RoPE) and values before a KvOp; k, v [rows, kv_heads*head_dim].
  virtual void see_kv(const Block& /*block*/, const float* /*k*/, const float* /*v*/,
                      std::int64_t /*rows*/, const std::vector<Sequence>& /*sequences*/) {}
  // Of latent attention before a KvOp, both after RoPE: q [rows, heads*(nope+rope)] and what the
  // cache keeps, [rows, latent+rope].
  virtual void see_latent(const Block& /*block*/, const float* /*q*/, const float* /*latent*/,
                          std::int64_t /*rows*/, const std::vector<Sequence>& /*sequences*/) {}
  // Which experts of the block the rows of a chunk go to.
  virtual void see_routing(const Block& /*block*/, const Routing&) {}
};

// What attention reads of the keys (after RoPE) and values that went into its cache.
class KvOp {
 public:
  virtual ~KvOp() = default;
  // k, v [rows, kv_heads*head_dim], in place; latent attention: k [rows, latent+rope], v null.
  virtual void apply(const Block& block, float* k, float* v, std::int64_t rows) = 0;
};

// What a gated delta net keeps of the tokens so far; empty before the first.
struct DeltaState {
  std::vector<float> inputs;  // of the convolution, the last kernel - 1 tokens [., conv_width]
  std::vector<float> memory;  // [value_heads, key_dim, value_dim]
};

// What a compressor keeps of the tokens so far.
struct CompressorState {
  std::vector<float> waiting;   // of the unfinished run: kv, then gate with position [., 2 * width]
  std::vector<float> previous;  // overlapping: of the last finished run [ratio, 2 * width]
  std::vector<float> entries;   // [., dim]
};

// What a block keeps of a sequence besides rows of tokens.
struct KeptState {
  DeltaState delta;
  CompressorState entries;
  CompressorState index;  // of an indexer's keys

  std::size_t floats() const;
};

// Keys (after RoPE and KvOp) and values of the tokens so far, by block and sequence.
class KvCache {
 public:
  virtual ~KvCache() = default;
  // Adds those of `rows` new tokens of the context's sequence `index`, k [rows, key_width] and v
  // [rows, value_width] of the model; gives all of them, valid until the next call for this block
  // and sequence.
  virtual CachedRows add(const Block& block, std::size_t index, const float* k, const float* v,
                         std::int64_t rows) = 0;
  // That of the context's sequence `index`, for rewriting.
  virtual KeptState& state(const Block& block, std::size_t index) = 0;
};

// Computes y = x W^T + b its own way: float, fake-quantized, integer.
class LinearOp {
 public:
  virtual ~LinearOp() = default;
  // x [rows, in], y [rows, out]. Samples come in order, over all chunks of the calibration set.
  virtual void apply(Linear& linear, const float* x, std::int64_t rows,
                     const std::vector<Sequence>& sequences, float* y) = 0;
  // The same of several linears that read one x.
  struct Part {
    Linear* linear;
    float* y;
  };
  virtual void apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                          const std::vector<Sequence>& sequences) {
    for (const Part& part : parts) apply(*part.linear, x, rows, sequences, part.y);
  }
  // True when this operation must see the linear's input even if nobody needs its output.
  virtual bool wants(const Linear&) const { return false; }
};

// y = x W^T + b of the linear's own weight, as a ProductWeight of `compute_dtype` does it. For one
// block: rounded copies of changed weights are kept, and packed ones.
class FloatLinearOp : public LinearOp {
 public:
  // `packs`: bfloat16 weights, see ProductWeight::pack(), for a pass of many chunks that changes
  // none.
  explicit FloatLinearOp(DType compute_dtype, bool packs = false)
      : compute_dtype_(compute_dtype), packs_(packs && compute_dtype == DType::kBF16) {}
  static bool packs(const LinearSpec& linear) { return linear.in * linear.out <= kMostPacked; }
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override;
  void apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                  const std::vector<Sequence>& sequences) override;

 private:
  // The product with the checkpoint's own bytes; false where they would have to be rounded first.
  bool few_rows(const Linear& linear, const float* x, std::int64_t rows, float* y) const;

  static constexpr std::int64_t kMostPacked = 1 << 25;  // values: more would take too much memory
  DType compute_dtype_;
  bool packs_;
  std::map<std::string, ProductWeight> kept_;
};

// A pass for observers only: of a layer's experts just these run, and on more rows than those that
// go to them.
struct ExpertCompletion {
  std::vector<bool> experts;
  // False: as many rows as an expert gets on average, those with the highest scores for it.
  bool all_rows = true;
};

struct Context {
  std::vector<Sequence> sequences;
  const RopeTable* rope = nullptr;
  LinearOp* linear_op = nullptr;
  KvOp* kv_op = nullptr;  // null: the cache keeps them as they are
  const ExpertCompletion* completion = nullptr;
  KvCache* cache = nullptr;  // null: every sequence begins with its first row
  // By sequence; blocks with an indexer write it, those that share a choice read it. Null: nobody
  // shares, or there is no choice to share.
  ChosenTokens* chosen = nullptr;
  std::vector<Tap*> taps;
};

}  // namespace msmodelslim
