#include "forward/entries.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/threads.h"
#include "forward/scratch.h"
#include "forward/steps.h"
#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"
#include "kernels/rope.h"

namespace msmodelslim {
namespace {

// One channel of an entry: values weighted by the softmax of their gates.
class Blend {
 public:
  void add(float value, float gate) {
    if (gate > most_) {
      const float factor = std::exp(most_ - gate);
      sum_ *= factor;
      values_ *= factor;
      most_ = gate;
    }
    const float weight = std::exp(gate - most_);
    sum_ += weight;
    values_ += weight * value;
  }
  float result() const { return values_ / sum_; }

 private:
  float most_ = -std::numeric_limits<float>::infinity();
  float sum_ = 0;
  float values_ = 0;
};

// Heads [count, width] get length 1.
void make_unit(float* x, std::int64_t count, std::int64_t width, double eps) {
  const std::vector<float> ones(static_cast<std::size_t>(width), 1.0F);
  parallel_ranges(count, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    rms_norm(x + begin * width, ones.data(), nullptr, static_cast<float>(eps), x + begin * width,
             end - begin, width);
  });
}

class EntryAttentionRun {
 public:
  EntryAttentionRun(const ModelSpec& model, Block& block, std::int64_t rows, Context& context,
                    Workspace& ws)
      : spec_(*block.entries->spec),
        block_(block),
        entries_(*block.entries),
        dtype_(model.dtype),
        heads_(block.spec->heads),
        dim_(model.head_dim),
        rows_(rows),
        context_(context),
        ws_(ws) {
    shape_.heads = heads_;
    shape_.kv_heads = 1;
    shape_.head_dim = dim_;
    shape_.scale = static_cast<float>(model.score_scale);
    shape_.bf16 = model.dtype == DType::kBF16;
    shape_.sinks = block.sinks.data();
  }

  void run(const float* normed) {
    project(normed);
    float* heads = sized(ws_.expanded, rows_ * heads_ * dim_);
    for (std::size_t i = 0; i < context_.sequences.size(); ++i) attend(i, heads);
    rotate(heads + dim_ - spec_.rope, heads_, dim_, true);
    join_groups(heads);
  }

 private:
  std::int64_t ratio() const { return spec_.compressor ? spec_.compressor->ratio : 0; }
  // Entries of runs that are over when the token at `position` is there.
  std::int64_t finished(std::int64_t position) const {
    return spec_.compressor ? (position + 1) / ratio() : 0;
  }
  bool chooses(const Sequence& s) const {
    return spec_.indexer && finished(s.position + s.rows - 1) > spec_.indexer->most;
  }
  const RopeTable& rope_of(const Sequence& s) const {
    const RopeTable& all = context_.rope->of_length(s.reached());
    return spec_.compressor ? all : all.local();
  }

  // The first dimensions behind x in rows of `stride`, or back again.
  void rotate(float* x, std::int64_t heads, std::int64_t stride, bool back = false) {
    const auto flip = [&](float* rows, std::int64_t count) {
      for (std::int64_t r = 0; back && r < count; ++r)
        for (std::int64_t j = 1; j < spec_.rope; j += 2) rows[r * stride + j] *= -1;
    };
    for (const Sequence& s : context_.sequences) {
      const RopeTable& rope = rope_of(s);
      parallel_ranges(s.rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
        float* at = x + (s.begin + begin) * heads * stride;
        flip(at, (end - begin) * heads);
        const RopeLines lines = rope.before(s.position + end);
        rotate_pairs(at, end - begin, heads, stride, rope.half(), lines.cos, lines.sin,
                     s.position + begin);
        flip(at, (end - begin) * heads);
      });
    }
  }

  // workspace.q [rows, heads * dim] and k [rows, dim], which also is v; what compressors and the
  // indexer read.
  void project(const float* normed) {
    const std::int64_t latent_width = entries_.q_a.spec().out;
    float* latent = sized(ws_.latent, rows_ * latent_width);
    float* k = sized(ws_.k, rows_ * dim_);
    apply_each(context_, {{&entries_.q_a, latent}, {&entries_.kv, k}}, normed, rows_, ws_);
    normalize(entries_.q_a_norm, latent, latent, rows_);
    normalize(entries_.kv_norm, k, k, rows_);
    float* q = sized(ws_.q, rows_ * heads_ * dim_);
    apply(context_, entries_.q_b, latent, rows_, q, ws_);
    make_unit(q, rows_ * heads_, dim_, spec_.eps);
    rotate(q + dim_ - spec_.rope, heads_, dim_);
    rotate(k + dim_ - spec_.rope, 1, dim_);
    if (entries_.compressor) project(*entries_.compressor, normed, ws_.entries);
    if (entries_.indexer) project(*entries_.indexer, normed, latent);
  }

  // kv [rows, width], then gate.
  void project(Compressor& compressor, const float* normed, RawVector<float>& to) {
    const std::int64_t count = rows_ * compressor.spec->width();
    float* both = sized(to, 2 * count);
    apply_each(context_, {{&compressor.kv, both}, {&compressor.gate, both + count}}, normed, rows_,
               ws_);
  }

  void project(EntryIndexer& indexer, const float* normed, const float* latent) {
    const std::int64_t heads = indexer.spec->heads;
    const std::int64_t dim = indexer.spec->keys.dim;
    const bool choosing = std::any_of(context_.sequences.begin(), context_.sequences.end(),
                                      [&](const Sequence& s) { return chooses(s); });
    if (choosing || context_.cache != nullptr || wanted(context_, indexer.keys.kv) ||
        wanted(context_, indexer.keys.gate))
      project(indexer.keys, normed, ws_.index_k);
    if (choosing || wanted(context_, indexer.q)) {
      float* q = sized(ws_.index_q, rows_ * heads * dim);
      apply(context_, indexer.q, latent, rows_, q, ws_);
      rotate(q + dim - spec_.rope, heads, dim);
    }
    if (choosing || wanted(context_, indexer.weights))
      apply(context_, indexer.weights, normed, rows_, sized(ws_.index_w, rows_ * heads), ws_);
  }

  void compress_rows(const Sequence& s, const Compressor& compressor,
                     const RawVector<float>& projected, CompressorState& state) {
    const std::int64_t width = compressor.spec->width();
    const float* kv = projected.data() + s.begin * width;
    compress(compressor, rope_of(s), kv, kv + rows_ * width, s.rows, state);
  }

  void attend(std::size_t index, float* heads) {
    const Sequence& s = context_.sequences[index];
    KeptState fresh;
    KeptState& state = context_.cache == nullptr ? fresh : context_.cache->state(block_, index);
    if (entries_.compressor) compress_rows(s, *entries_.compressor, ws_.entries, state.entries);
    if (entries_.indexer && (chooses(s) || context_.cache != nullptr))
      compress_rows(s, entries_.indexer->keys, ws_.index_k, state.index);
    const float* own = ws_.k.data() + s.begin * dim_;
    CachedRows tokens{s.rows, DType::kF32, own, own, {}, {}};
    if (context_.cache != nullptr)
      tokens = context_.cache->add(block_, index, own, nullptr, s.rows);
    // Row j of the keys is entry j, then token j - count.
    const std::int64_t count = finished(s.position + s.rows - 1);
    const std::int64_t first = std::max<std::int64_t>(0, s.position - block_.spec->window + 1);
    const std::int64_t near = tokens.count - first;
    float* keys = sized(ws_.keys, (count + near) * dim_);
    std::copy_n(state.entries.entries.begin(), count * dim_, keys);
    read_rows(tokens, first, near, keys + count * dim_);
    const std::vector<std::uint8_t> allowed = visible(s, state, count, first);
    shape_.query_rows = s.rows;
    shape_.key_rows = count + near;
    shape_.allowed = allowed.data();
    attention(shape_, ws_.q.data() + s.begin * heads_ * dim_, keys, keys,
              heads + s.begin * heads_ * dim_);
  }

  void read_rows(const CachedRows& rows, std::int64_t first, std::int64_t count, float* to) const {
    if (rows.dtype == DType::kF32)
      std::copy_n(static_cast<const float*>(rows.k) + first * dim_, count * dim_, to);
    else
      bf16_to_f32(static_cast<const std::uint16_t*>(rows.k) + first * dim_, to, count * dim_);
  }

  // Which of `count` entries and of the tokens from `first` on each new token looks at.
  std::vector<std::uint8_t> visible(const Sequence& s, const KeptState& state, std::int64_t count,
                                    std::int64_t first) const {
    const std::int64_t width = count + s.position + s.rows - first;
    std::vector<std::uint8_t> allowed(static_cast<std::size_t>(s.rows * width), 0);
    parallel_for(s.rows, [&](std::int64_t r) {
      std::uint8_t* row = allowed.data() + r * width;
      const std::int64_t position = s.position + r;
      const std::int64_t entries = finished(position);
      if (spec_.indexer && entries > spec_.indexer->most)
        choose(s.begin + r, state.index.entries.data(), entries, row);
      else
        std::fill_n(row, entries, std::uint8_t{1});
      const std::int64_t oldest = std::max<std::int64_t>(first, position - block_.spec->window + 1);
      std::fill_n(row + count + oldest - first, position - oldest + 1, std::uint8_t{1});
    });
    return allowed;
  }

  // Marks the best of `count` entries for a new token; the first among equals.
  void choose(std::int64_t r, const float* entries, std::int64_t count, std::uint8_t* row) const {
    const EntryIndexerSpec& spec = *spec_.indexer;
    const std::int64_t dim = spec.keys.dim;
    const float scale = 1 / std::sqrt(static_cast<float>(spec.heads * dim));
    const float* weights = ws_.index_w.data() + r * spec.heads;
    std::vector<float> products(static_cast<std::size_t>(spec.heads * count));
    matmul_nt_tile(ws_.index_q.data() + r * spec.heads * dim, dim, entries, dim, products.data(),
                   count, spec.heads, count, dim);
    std::vector<float> scores(static_cast<std::size_t>(count), 0);
    for (std::int64_t a = 0; a < spec.heads; ++a)
      for (std::int64_t j = 0; j < count; ++j)
        scores[static_cast<std::size_t>(j)] +=
            weights[a] * scale * std::max(0.0F, products[static_cast<std::size_t>(a * count + j)]);
    std::vector<std::int32_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::nth_element(order.begin(), order.begin() + spec.most, order.end(),
                     [&](std::int32_t a, std::int32_t b) {
                       const float x = scores[static_cast<std::size_t>(a)];
                       const float y = scores[static_cast<std::size_t>(b)];
                       return x > y || (x == y && a < b);
                     });
    for (std::int64_t i = 0; i < spec.most; ++i) row[order[static_cast<std::size_t>(i)]] = 1;
  }

  void join_groups(const float* heads) {
    const std::int64_t in = spec_.out_a.in;
    const std::int64_t rank = spec_.out_a.out / spec_.groups;
    float* out = sized(ws_.attention, rows_ * spec_.out_a.out);
    float* from = sized(ws_.joined, rows_ * in);
    float* to = sized(ws_.turned, rows_ * rank);
    FloatLinearOp op(dtype_);
    for (std::int64_t g = 0; g < spec_.groups; ++g) {
      Linear& part = entries_.out_a[static_cast<std::size_t>(g)];
      take_columns(heads, rows_, heads_ * dim_, g * in, in, from);
      op.apply(part, from, rows_, context_.sequences, to);
      for (std::int64_t r = 0; r < rows_; ++r)
        std::copy_n(to + r * rank, rank, out + r * spec_.out_a.out + g * rank);
      part.release();
    }
  }

  const EntryAttentionSpec& spec_;
  Block& block_;
  EntryAttention& entries_;
  DType dtype_;
  std::int64_t heads_;
  std::int64_t dim_;
  std::int64_t rows_;
  Context& context_;
  Workspace& ws_;
  AttentionShape shape_;
};

}  // namespace

void run_entry_attention(const ModelSpec& model, Block& block, const float* normed,
                         std::int64_t rows, Context& context, Workspace& ws) {
  EntryAttentionRun(model, block, rows, context, ws).run(normed);
}

void compress(const Compressor& compressor, const RopeTable& rope, const float* kv,
              const float* gate, std::int64_t rows, CompressorState& state) {
  const CompressorSpec& spec = *compressor.spec;
  const std::int64_t width = spec.width();
  const std::int64_t run = spec.ratio * 2 * width;  // values of a run
  const auto waiting = static_cast<std::int64_t>(state.waiting.size()) / (2 * width);
  state.waiting.resize(static_cast<std::size_t>((waiting + rows) * 2 * width));
  for (std::int64_t r = 0; r < rows; ++r) {
    float* to = state.waiting.data() + (waiting + r) * 2 * width;
    const float* position = compressor.position.data() + (waiting + r) % spec.ratio * width;
    std::copy_n(kv + r * width, width, to);
    for (std::int64_t j = 0; j < width; ++j) to[width + j] = gate[r * width + j] + position[j];
  }
  const std::int64_t runs = (waiting + rows) / spec.ratio;
  if (runs == 0) return;
  const auto first = static_cast<std::int64_t>(state.entries.size()) / spec.dim;
  state.entries.resize(static_cast<std::size_t>((first + runs) * spec.dim));
  parallel_for(runs, [&](std::int64_t w) {
    const float* mine = state.waiting.data() + w * run;
    const float* before = !spec.overlaps           ? nullptr
                          : w > 0                  ? mine - run
                          : state.previous.empty() ? nullptr
                                                   : state.previous.data();
    float* entry = state.entries.data() + (first + w) * spec.dim;
    for (std::int64_t c = 0; c < spec.dim; ++c) {
      Blend blend;
      const auto add = [&](const float* tokens, std::int64_t channel) {
        for (std::int64_t t = 0; t < spec.ratio; ++t, tokens += 2 * width)
          blend.add(tokens[channel], tokens[width + channel]);
      };
      if (before != nullptr) add(before, c);
      add(mine, width - spec.dim + c);
      entry[c] = blend.result();
    }
    rms_norm(entry, compressor.norm.weight.data(), nullptr, static_cast<float>(spec.norm.eps),
             entry, 1, spec.dim);
    const std::int64_t position = (first + w) * spec.ratio;
    const RopeLines lines = rope.before(position + 1);
    rotate_pairs(entry + spec.dim - 2 * rope.half(), 1, 1, spec.dim, rope.half(), lines.cos,
                 lines.sin, position);
  });
  const auto end = state.waiting.begin() + runs * run;
  if (spec.overlaps) state.previous.assign(end - run, end);
  state.waiting.erase(state.waiting.begin(), end);
}

}  // namespace msmodelslim
