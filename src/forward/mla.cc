#include "forward/mla.h"

#include <algorithm>

#include "base/threads.h"
#include "forward/indexer.h"
#include "forward/scratch.h"
#include "forward/steps.h"
#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"
#include "kernels/rope.h"

namespace msmodelslim {
namespace {

class LatentAttention {
 public:
  LatentAttention(const ModelSpec& model, Block& block, std::int64_t rows, Context& context,
                  Workspace& ws)
      : spec_(*block.mla->spec),
        block_(block),
        mla_(*block.mla),
        heads_(model.heads),
        bf16_(model.dtype == DType::kBF16),
        rows_(rows),
        context_(context),
        ws_(ws) {
    if (mla_.indexer) indexer_.emplace(*mla_.indexer, context, ws);
  }

  void run(const float* normed) {
    const float* q = queries(normed);
    float* joined = latents(normed);
    for (Tap* tap : context_.taps) tap->see_latent(block_, q, joined, rows_, context_.sequences);
    if (context_.kv_op != nullptr) context_.kv_op->apply(block_, joined, nullptr, rows_);
    float* out = sized(ws_.attention, rows_ * out_width());
    if (context_.cache != nullptr) {
      run_cached(q, joined, out);
      return;
    }
    expand(joined, rows_, true);
    for (std::size_t i = 0; i < context_.sequences.size(); ++i) {
      const Sequence& s = context_.sequences[i];
      choose(i, s, [&] { return indexer_->keys() + s.begin * mla_.indexer->spec->dim; });
      attend(q, s, s.begin, s.rows, out + s.begin * out_width());
    }
  }

 private:
  std::int64_t key_dim() const { return spec_.nope + spec_.rope; }
  std::int64_t q_width() const { return heads_ * key_dim(); }
  std::int64_t joined_width() const { return spec_.latent + spec_.rope; }
  std::int64_t out_width() const { return heads_ * spec_.value; }

  void run_cached(const float* q, const float* joined, float* out) {
    for (std::size_t i = 0; i < context_.sequences.size(); ++i) {
      const Sequence& s = context_.sequences[i];
      const float* index_keys =
          indexer_ ? indexer_->keys() + s.begin * mla_.indexer->spec->dim : nullptr;
      CachedRows all =
          context_.cache->add(block_, i, joined + s.begin * joined_width(), index_keys, s.rows);
      float* to = out + s.begin * out_width();
      choose(i, s, [&] { return index_keys_of(all); });
      if (!allowed_.empty() && s.rows == 1) gather_allowed(all);
      if (s.rows == 1 && is_float(mla_.kv_b.source().dtype())) {
        absorbed(q + s.begin * q_width(), all, to);
      } else {
        expand(floats_of(all), all.count, false);
        attend(q, s, 0, all.count, to);
      }
    }
  }

  // Which tokens sequence `index` looks at: allowed_. `keys`: gives the indexer's, if asked.
  template <typename Keys>
  void choose(std::size_t index, const Sequence& s, const Keys& keys) {
    allowed_.clear();
    ChosenTokens* shared = context_.chosen == nullptr ? nullptr : context_.chosen + index;
    if (indexer_ && indexer_->chooses(s)) allowed_ = indexer_->choose(s, keys());
    if (shared == nullptr) return;
    if (indexer_)
      shared->assign(allowed_.begin(), allowed_.end());
    else if (spec_.shares_choice)
      allowed_.assign(shared->begin(), shared->end());
  }

  const float* index_keys_of(const CachedRows& rows) {
    if (rows.dtype == DType::kF32) return static_cast<const float*>(rows.v);
    const std::int64_t count = rows.count * mla_.indexer->spec->dim;
    float* out = sized(ws_.cached_v, count);
    bf16_to_f32(static_cast<const std::uint16_t*>(rows.v), out, count);
    return out;
  }

  // Of one new token: `all` becomes the rows that it looks at.
  void gather_allowed(CachedRows& all) {
    const float* rows = floats_of(all);
    const auto most = std::count(allowed_.begin(), allowed_.end(), std::uint8_t{1});
    float* chosen = sized(ws_.chosen, most * joined_width());
    std::int64_t count = 0;
    for (std::int64_t j = 0; j < all.count; ++j)
      if (allowed_[static_cast<std::size_t>(j)] != 0)
        std::copy_n(rows + j * joined_width(), joined_width(), chosen + count++ * joined_width());
    all = {count, DType::kF32, chosen, nullptr};
    allowed_.clear();
  }

  // x [rows * heads, stride], of which the first `rope` values of a row are rotated.
  void rotate(float* x, std::int64_t heads, std::int64_t stride) {
    const auto turn = spec_.rope_pairs ? rotate_pairs : rotate_half;
    for (const Sequence& s : context_.sequences) {
      const RopeTable& rope = context_.rope->of_length(s.reached());
      parallel_ranges(s.rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
        const RopeLines lines = rope.before(s.position + end);
        turn(x + (s.begin + begin) * heads * stride, end - begin, heads, stride, rope.half(),
             lines.cos, lines.sin, s.position + begin);
      });
    }
  }

  // [rows, heads * (nope + rope)], rotated.
  const float* queries(const float* normed) {
    float* q = sized(ws_.q, rows_ * q_width());
    const float* input = normed;
    if (mla_.q_a) {
      float* latent = sized(ws_.latent, rows_ * mla_.q_a->spec().out);
      apply(context_, *mla_.q_a, normed, rows_, latent, ws_);
      normalize(*mla_.q_a_norm, latent, latent, rows_);
      normed = latent;
    }
    if (indexer_) indexer_->project(input, normed, rows_);
    apply(context_, mla_.q_b, normed, rows_, q, ws_);
    if (spec_.query_factor != 1) scale_rows(q, rows_, q_width(), spec_.query_factor);
    rotate(q + spec_.nope, heads_, key_dim());
    return q;
  }

  // [rows, latent + rope]: normalized and rotated, as a cache keeps them.
  float* latents(const float* normed) {
    float* joined = sized(ws_.joined, rows_ * joined_width());
    apply(context_, mla_.kv_a, normed, rows_, joined, ws_);
    const Norm& norm = mla_.kv_a_norm;
    parallel_ranges(rows_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      const auto factor = static_cast<float>(spec_.latent_factor);
      for (float* row = joined + begin * joined_width(); row != joined + end * joined_width();
           row += joined_width()) {
        rms_norm(row, norm.weight.data(), norm.bias_or_null(), static_cast<float>(norm.spec.eps),
                 row, 1, spec_.latent);
        if (factor == 1) continue;
        for (std::int64_t j = 0; j < spec_.latent; ++j) row[j] *= factor;
      }
    });
    rotate(joined + spec_.latent, 1, joined_width());
    return joined;
  }

  const float* floats_of(const CachedRows& rows) {
    if (rows.dtype == DType::kF32) return static_cast<const float*>(rows.k);
    float* out = sized(ws_.cached_k, rows.count * joined_width());
    bf16_to_f32(static_cast<const std::uint16_t*>(rows.k), out, rows.count * joined_width());
    return out;
  }

  // Keys and values of all heads: workspace.keys [count, heads * (nope + rope)] and
  // workspace.v [count, heads * value]. Without `taps` when they are rows of a cache.
  void expand(const float* joined, std::int64_t count, bool taps) {
    float* latent = sized(ws_.latent, count * spec_.latent);
    for (std::int64_t r = 0; r < count; ++r)
      std::copy_n(joined + r * joined_width(), spec_.latent, latent + r * spec_.latent);
    const std::int64_t each = spec_.nope + spec_.value;
    float* kv = sized(ws_.expanded, count * heads_ * each);
    if (taps)
      apply(context_, mla_.kv_b, latent, count, kv, ws_);
    else
      context_.linear_op->apply(mla_.kv_b, latent, count, {{0, count, 0}}, kv);
    float* keys = sized(ws_.keys, count * q_width());
    float* values = sized(ws_.v, count * out_width());
    parallel_ranges(count, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin * heads_; i < end * heads_; ++i) {
        const float* from = kv + i * each;
        const float* turned_part = joined + i / heads_ * joined_width() + spec_.latent;
        std::copy_n(from, spec_.nope, keys + i * key_dim());
        std::copy_n(turned_part, spec_.rope, keys + i * key_dim() + spec_.nope);
        std::copy_n(from + spec_.nope, spec_.value, values + i * spec_.value);
      }
    });
  }

  // Over `count` of the expanded keys, from row `first` on.
  void attend(const float* q, const Sequence& s, std::int64_t first, std::int64_t count,
              float* out) {
    AttentionShape shape;
    shape.query_rows = s.rows;
    shape.key_rows = count;
    shape.heads = shape.kv_heads = heads_;
    shape.head_dim = key_dim();
    shape.value_dim = spec_.value;
    shape.scale = static_cast<float>(spec_.scale);
    shape.bf16 = bf16_;
    if (!allowed_.empty()) shape.allowed = allowed_.data();
    attention(shape, q + s.begin * q_width(), ws_.keys.data() + first * q_width(),
              ws_.v.data() + first * out_width(), out);
  }

  // One new token. Every head is an item of its own, so that all threads have work.
  void absorbed(const float* q, const CachedRows& rows, float* out) {
    const std::int64_t each = spec_.nope + spec_.value;
    const float* weight = mla_.kv_b.weight();  // per head: nope rows, then value rows
    float* query = sized(ws_.keys, heads_ * joined_width());
    float* sums = sized(ws_.expanded, heads_ * joined_width());
    parallel_for(heads_, [&](std::int64_t h) {
      const float* from = q + h * key_dim();
      float* to = query + h * joined_width();
      matmul_nn_tile(from, key_dim(), weight + h * each * spec_.latent, spec_.latent, to,
                     joined_width(), 1, spec_.latent, spec_.nope);
      std::copy_n(from + spec_.nope, spec_.rope, to + spec_.latent);
    });
    AttentionShape shape;
    shape.heads = shape.kv_heads = 1;
    shape.head_dim = joined_width();
    shape.scale = static_cast<float>(spec_.scale);
    const CachedRows both{rows.count, rows.dtype, rows.k, rows.k, {}, {}};
    std::vector<DecodeItem> items;
    for (std::int64_t h = 0; h < heads_; ++h)
      items.push_back({query + h * joined_width(), both, sums + h * joined_width()});
    decode_attention(shape, items);
    parallel_for(heads_, [&](std::int64_t h) {
      matmul_nt_tile(sums + h * joined_width(), joined_width(),
                     weight + (h * each + spec_.nope) * spec_.latent, spec_.latent,
                     out + h * spec_.value, spec_.value, 1, spec_.value, spec_.latent);
    });
  }

  const MlaSpec& spec_;
  Block& block_;
  Mla& mla_;
  std::int64_t heads_;
  bool bf16_;
  std::int64_t rows_;
  Context& context_;
  Workspace& ws_;
  std::optional<IndexerRun> indexer_;
  std::vector<std::uint8_t> allowed_;  // of the sequence at hand; empty: all that is visible
};

}  // namespace

void run_latent_attention(const ModelSpec& model, Block& block, const float* normed,
                          std::int64_t rows, Context& context, Workspace& ws) {
  LatentAttention(model, block, rows, context, ws).run(normed);
}

}  // namespace msmodelslim
