#include "forward/run.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "forward/delta_net.h"
#include "forward/entries.h"
#include "forward/hyper.h"
#include "forward/mla.h"
#include "forward/moe.h"
#include "forward/scratch.h"
#include "forward/steps.h"
#include "kernels/attention.h"
#include "kernels/ops.h"
#include "kernels/rope.h"

namespace msmodelslim {
namespace {

void rotate(const ModelSpec& model, const Block& block, const Context& context, float* x,
            std::int64_t heads) {
  if (!block.spec->rope) return;
  for (const Sequence& s : context.sequences) {
    const RopeTable& all = context.rope->of_length(s.reached());
    const RopeTable& rope = block.spec->window > 0 ? all.local() : all;
    parallel_ranges(s.rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      const auto turn = model.rope_pairs ? rotate_pairs : rotate_half;
      const RopeLines lines = rope.before(s.position + end);
      turn(x + (s.begin + begin) * heads * model.head_dim, end - begin, heads, model.head_dim,
           rope.half(), lines.cos, lines.sin, s.position + begin);
    });
  }
}

// See RopeSpec::query_beta.
void scale_queries(const RopeSpec& rope, const Context& context, float* q, std::int64_t width) {
  for (const Sequence& s : context.sequences)
    for (std::int64_t r = 0; r < s.rows; ++r) {
      const auto periods = static_cast<double>((s.position + r) / rope.original_max_position);
      if (periods == 0) continue;
      const auto factor = static_cast<float>(1 + rope.query_beta * std::log1p(periods));
      float* row = q + (s.begin + r) * width;
      for (std::int64_t j = 0; j < width; ++j) row[j] *= factor;
    }
}

// Queries, keys and values as the linears give them, in the workspace; query_gate: the gates are
// in workspace.latent.
void project(const ModelSpec& model, Block& block, const float* normed, std::int64_t rows,
             Context& context, Workspace& ws) {
  const std::int64_t q_width = block.spec->heads * model.head_dim;
  const std::int64_t kv_width = model.kv_heads * model.head_dim;
  float* q = sized(ws.q, rows * q_width);
  float* k = sized(ws.k, rows * kv_width);
  float* v = sized(ws.v, rows * kv_width);
  if (block.qkv) {
    const std::int64_t width = block.qkv->spec().out;
    float* all = sized(ws.joined, rows * width);
    apply(context, *block.qkv, normed, rows, all, ws);
    if (block.spec->grouped_qkv) {
      const std::int64_t queries = q_width / model.kv_heads;
      const std::int64_t group = queries + 2 * model.head_dim;
      const std::int64_t groups = rows * model.kv_heads;
      take_columns(all, groups, group, 0, queries, q);
      take_columns(all, groups, group, queries, model.head_dim, k);
      take_columns(all, groups, group, queries + model.head_dim, model.head_dim, v);
      return;
    }
    take_columns(all, rows, width, 0, q_width, q);
    take_columns(all, rows, width, q_width, kv_width, k);
    take_columns(all, rows, width, q_width + kv_width, kv_width, v);
    return;
  }
  if (block.spec->query_gate) {
    float* both = sized(ws.joined, rows * 2 * q_width);
    apply(context, block.q, normed, rows, both, ws);
    take_columns(both, rows * block.spec->heads, 2 * model.head_dim, 0, model.head_dim, q);
    take_columns(both, rows * block.spec->heads, 2 * model.head_dim, model.head_dim, model.head_dim,
                 sized(ws.latent, rows * q_width));
    apply_each(context, {{&block.k, k}, {&block.v, v}}, normed, rows, ws);
    return;
  }
  apply_each(context, {{&block.q, q}, {&block.k, k}, {&block.v, v}}, normed, rows, ws);
}

void apply_gate(const float* gate, float* x, std::int64_t rows, std::int64_t width) {
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * width; i < end * width; ++i) x[i] /= 1 + std::exp(-gate[i]);
  });
}

// One gate for each row.
void apply_head_gate(const float* gate, float* x, std::int64_t rows, std::int64_t width) {
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float share = 1 / (1 + std::exp(-gate[r]));
      for (std::int64_t j = r * width; j < (r + 1) * width; ++j) x[j] *= share;
    }
  });
}

// to = from + what a part of the block gives.
void add_part(const ModelSpec& model, const Norm* out_norm, float* part, std::int64_t rows,
              const float* from, float* to) {
  if (out_norm != nullptr) normalize(*out_norm, part, part, rows);
  if (model.residual_scale != 1) scale_rows(part, rows, model.hidden, model.residual_scale);
  add_rows(from, part, rows, model.hidden, to);
}

// Cached keys or values as fp32, in `buffer` if they are not.
const float* floats_of(const void* values, const ChannelScales& scales, const CachedRows& rows,
                       std::int64_t width, RawVector<float>& buffer) {
  if (rows.dtype == DType::kF32) return static_cast<const float*>(values);
  float* out = sized(buffer, rows.count * width);
  if (rows.dtype == DType::kI8) {
    const auto* codes = static_cast<const std::int8_t*>(values);
    parallel_ranges(rows.count, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        for (std::int64_t j = 0; j < width; ++j)
          out[r * width + j] =
              (static_cast<float>(codes[r * width + j]) - scales.offset[j]) * scales.scale[j];
    });
    return out;
  }
  const auto* bits = static_cast<const std::uint16_t*>(values);
  parallel_ranges(rows.count, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    bf16_to_f32(bits + begin * width, out + begin * width, (end - begin) * width);
  });
  return out;
}

// Self-attention without its output projection: workspace.attention [rows, heads*head_dim].
void attend(const ModelSpec& model, Block& block, const float* normed, std::int64_t rows,
            Context& context, Workspace& ws) {
  if (block.mla) {
    run_latent_attention(model, block, normed, rows, context, ws);
    return;
  }
  if (block.delta) {
    run_delta_net(block, normed, rows, context, ws);
    return;
  }
  if (block.entries) {
    run_entry_attention(model, block, normed, rows, context, ws);
    return;
  }
  const std::int64_t q_width = block.spec->heads * model.head_dim;
  const std::int64_t kv_width = model.kv_heads * model.head_dim;
  project(model, block, normed, rows, context, ws);
  float* q = ws.q.data();
  float* k = ws.k.data();
  float* v = ws.v.data();
  const auto normalize_keys = [&] {
    if (block.q_norm) normalize(*block.q_norm, q, q, rows * q_width / block.q_norm->spec.size);
    if (block.k_norm) normalize(*block.k_norm, k, k, rows * kv_width / block.k_norm->spec.size);
  };
  if (!block.spec->late_qk_norm) normalize_keys();
  rotate(model, block, context, q, block.spec->heads);
  rotate(model, block, context, k, model.kv_heads);
  if (model.rope.query_beta != 0) scale_queries(model.rope, context, q, q_width);
  if (block.spec->late_qk_norm) normalize_keys();
  for (Tap* tap : context.taps) tap->see_kv(block, k, v, rows, context.sequences);
  if (context.kv_op != nullptr) context.kv_op->apply(block, k, v, rows);
  float* out = sized(ws.attention, rows * q_width);
  AttentionShape shape;
  shape.heads = block.spec->heads;
  shape.kv_heads = model.kv_heads;
  shape.head_dim = model.head_dim;
  shape.scale = static_cast<float>(model.score_scale);
  shape.cap = static_cast<float>(model.score_cap);
  shape.bf16 = model.dtype == DType::kBF16;
  shape.window = block.spec->window;
  if (!block.sinks.empty()) shape.sinks = block.sinks.data();
  if (!model.alibi.empty()) shape.slopes = model.alibi.data();
  std::vector<DecodeItem> single;  // sequences with one new token
  for (std::size_t i = 0; i < context.sequences.size(); ++i) {
    const Sequence& s = context.sequences[i];
    CachedRows all{s.rows, DType::kF32, k + s.begin * kv_width, v + s.begin * kv_width, {}, {}};
    if (context.cache != nullptr)
      all = context.cache->add(block, i, k + s.begin * kv_width, v + s.begin * kv_width, s.rows);
    const float* query = q + s.begin * q_width;
    float* to = out + s.begin * q_width;
    if (context.cache != nullptr && s.rows == 1) {
      single.push_back({query, all, to});
      continue;
    }
    shape.query_rows = s.rows;
    shape.key_rows = all.count;
    if (shape.bf16 && all.dtype == DType::kBF16) {
      attention_bf16(shape, query, static_cast<const std::uint16_t*>(all.k),
                     static_cast<const std::uint16_t*>(all.v), to);
      continue;
    }
    attention(shape, query, floats_of(all.k, all.k_scales, all, kv_width, ws.cached_k),
              floats_of(all.v, all.v_scales, all, kv_width, ws.cached_v), to);
  }
  decode_attention(shape, single);
  if (block.spec->query_gate) apply_gate(ws.latent.data(), out, rows, q_width);
  if (block.head_gate) {
    float* gate = sized(ws.latent, rows * block.spec->heads);
    apply(context, *block.head_gate, normed, rows, gate, ws);
    apply_head_gate(gate, out, rows * block.spec->heads, model.head_dim);
  }
}

// `in` and `out` [rows, hidden]; a shortcut's part of the stream is in workspace.carried.
void run_parts(const ModelSpec& model, Block& block, const float* in, float* out, std::int64_t rows,
               Context& context, Workspace& ws) {
  const std::int64_t h = model.hidden;
  float* normed = sized(ws.normed, rows * h);
  normalize(block.input_norm, in, normed, rows);
  attend(model, block, normed, rows, context, ws);
  const std::vector<Linear*> mlp = block.mlp_linears();
  const bool mlp_seen = std::any_of(mlp.begin(), mlp.end(),
                                    [&](const Linear* linear) { return wanted(context, *linear); });
  if (out == nullptr && !mlp_seen && !context.linear_op->wants(block.o)) {
    show(context, block.o, turned(block.o, ws.attention.data(), rows, ws), rows);
    return;
  }
  float* hidden = sized(ws.hidden, rows * h);
  float* part = sized(ws.part, rows * h);
  apply(context, block.o, ws.attention.data(), rows, part, ws);
  add_part(model, block.attention_out_norm.get(), part, rows, in, hidden);
  if (!block.spec->parallel)
    normalize(block.post_attention_norm, hidden, normed, rows);
  else if (block.post_attention_norm.exists())
    normalize(block.post_attention_norm, in, normed, rows);
  if (block.moe) {
    float* to = block.spec->shortcut == Shortcut::kOpens ? ws.carried.data() : hidden;
    run_moe(*block.moe, block, normed, to, rows, context, ws);
  }
  if (!block.spec->is_dense()) {
    if (out != nullptr) std::copy_n(hidden, rows * h, out);
    return;
  }
  const std::vector<Linear*> inputs = block.mlp_inputs();
  if (out == nullptr && !wanted(context, block.down) &&
      std::none_of(inputs.begin(), inputs.end(),
                   [&](const Linear* linear) { return context.linear_op->wants(*linear); })) {
    for (const Linear* linear : inputs)
      show(context, *linear, turned(*linear, normed, rows, ws), rows);
    return;
  }
  float* gate = gated(model, block, normed, rows, context, ws);
  if (out == nullptr && !context.linear_op->wants(block.down)) {
    show(context, block.down, turned(block.down, gate, rows, ws), rows);
    return;
  }
  apply(context, block.down, gate, rows, part, ws);
  if (out != nullptr) add_part(model, block.mlp_out_norm.get(), part, rows, hidden, out);
}

// Rows of several streams and the number of their token, of a block with experts.
void run_streams(const ModelSpec& model, Block& block, const float* in, float* out,
                 std::int64_t rows, Context& context, Workspace& ws) {
  const std::int64_t h = model.hidden;
  const std::int64_t width = model.stream;
  ws.ids.resize(static_cast<std::size_t>(rows));
  for (std::int64_t r = 0; r < rows; ++r)
    ws.ids[static_cast<std::size_t>(r)] = static_cast<std::int32_t>(in[(r + 1) * width - 1]);
  float* joined = sized(ws.stream, rows * h);
  float* normed = sized(ws.normed, rows * h);
  float* part = sized(ws.part, rows * h);
  join_streams(*block.attention_hyper, in, width, h, rows, joined, ws);
  normalize(block.input_norm, joined, normed, rows);
  attend(model, block, normed, rows, context, ws);
  const std::vector<Linear*> mlp = block.mlp_linears();
  if (out == nullptr && !context.linear_op->wants(block.o) &&
      std::none_of(mlp.begin(), mlp.end(),
                   [&](const Linear* linear) { return wanted(context, *linear); })) {
    show(context, block.o, turned(block.o, ws.attention.data(), rows, ws), rows);
    return;
  }
  apply(context, block.o, ws.attention.data(), rows, part, ws);
  float* streams = sized(ws.streams, rows * width);
  mix_streams(*block.attention_hyper, in, width, h, rows, part, streams, ws);
  join_streams(*block.mlp_hyper, streams, width, h, rows, joined, ws);
  normalize(block.post_attention_norm, joined, normed, rows);
  std::fill_n(part, rows * h, 0.0F);
  run_moe(*block.moe, block, normed, part, rows, context, ws);
  if (out == nullptr) return;
  mix_streams(*block.mlp_hyper, streams, width, h, rows, part, out, ws);
  for (std::int64_t r = 0; r < rows; ++r)
    out[(r + 1) * width - 1] = static_cast<float>(ws.ids[static_cast<std::size_t>(r)]);
}

}  // namespace

void run_block(const ModelSpec& model, Block& block, const float* in, float* out, std::int64_t rows,
               Context& context, Workspace& ws) {
  if (block.attention_hyper) {
    run_streams(model, block, in, out, rows, context, ws);
    return;
  }
  const Shortcut shortcut = block.spec->shortcut;
  if (shortcut == Shortcut::kNone) {
    run_parts(model, block, in, out, rows, context, ws);
    return;
  }
  const std::int64_t h = model.hidden;
  float* x = sized(ws.stream, rows * h);
  float* carried = sized(ws.carried, rows * h);
  take_columns(in, rows, model.stream, 0, h, x);
  if (shortcut == Shortcut::kCloses)
    take_columns(in, rows, model.stream, h, h, carried);
  else
    std::fill_n(carried, rows * h, 0.0F);
  run_parts(model, block, x, out == nullptr ? nullptr : x, rows, context, ws);
  if (out == nullptr) return;
  if (shortcut == Shortcut::kCloses) {
    add_rows(x, carried, rows, h, x);
    std::fill_n(carried, rows * h, 0.0F);
  }
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      std::copy_n(x + r * h, h, out + r * model.stream);
      std::copy_n(carried + r * h, h, out + r * model.stream + h);
    }
  });
}

void run_attention(const ModelSpec& model, Block& block, const float* normed, float* out,
                   std::int64_t rows, Context& context, Workspace& ws) {
  attend(model, block, normed, rows, context, ws);
  apply(context, block.o, ws.attention.data(), rows, out, ws);
}

void run_mlp(const ModelSpec& model, Block& block, const float* normed, float* out,
             std::int64_t rows, Context& context, Workspace& ws) {
  apply(context, block.down, gated(model, block, normed, rows, context, ws), rows, out, ws);
}

void embed(const ModelSpec& model, const CheckpointReader& checkpoint,
           std::span<const std::int32_t> ids, float* out) {
  const TensorView table = checkpoint.at(model.embedding + ".weight");
  const std::size_t row_bytes = static_cast<std::size_t>(model.hidden) * dtype_size(table.dtype);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= model.vocab)
      throw DataError(
          fmt::format("token id {} is outside the vocabulary of {} entries", ids[i], model.vocab),
          "the tokenizer and the weights do not belong together");
    const std::byte* row = table.bytes + static_cast<std::size_t>(ids[i]) * row_bytes;
    to_f32(TensorView{table.dtype, {model.hidden}, row}, out + i * model.hidden);
  }
  if (model.embedding_scale != 1)
    scale_rows(out, static_cast<std::int64_t>(ids.size()), model.hidden, model.embedding_scale);
}

void embed_stream(const ModelSpec& model, const CheckpointReader& checkpoint,
                  std::span<const std::int32_t> ids, float* out) {
  embed(model, checkpoint, ids, out);
  if (model.stream == model.hidden) return;
  for (auto r = static_cast<std::int64_t>(ids.size()) - 1; r >= 0; --r) {
    float* row = out + r * model.stream;
    std::copy_backward(out + r * model.hidden, out + (r + 1) * model.hidden, row + model.hidden);
    std::fill(row + model.hidden, row + model.stream, 0.0F);
    if (!model.head_hyper) continue;
    for (std::int64_t copy = 1; copy < model.head_hyper->copies; ++copy)
      std::copy_n(row, model.hidden, row + copy * model.hidden);
    row[model.stream - 1] = static_cast<float>(ids[static_cast<std::size_t>(r)]);
  }
}

Head::Head(const ModelSpec& model, const CheckpointReader& checkpoint)
    : norm_(model.final_norm, checkpoint),
      linear_(model.tied ? Linear(model.head, checkpoint.source(model.embedding + ".weight"))
                         : Linear(model.head, checkpoint)),
      stream_(model.stream),
      hyper_(model.head_hyper ? std::make_shared<const Hyper>(*model.head_hyper, checkpoint)
                              : nullptr),
      scale_(model.logit_scale),
      cap_(model.logit_cap) {
  if (!model.unit_head) return;
  float* row = linear_.mutable_weight();
  for (std::int64_t r = 0; r < model.head.out; ++r, row += model.hidden) {
    double sum = 0;
    for (std::int64_t j = 0; j < model.hidden; ++j)
      sum += static_cast<double>(row[j]) * static_cast<double>(row[j]);
    const auto norm = static_cast<float>(std::max(std::sqrt(sum), 1e-12));
    for (std::int64_t j = 0; j < model.hidden; ++j) row[j] /= norm;
  }
}

void Head::normalize(const float* states, std::int64_t rows, float* normed) const {
  if (hyper_) {
    Workspace ws;
    join_streams(*hyper_, states, stream_, norm_.spec.size, rows, normed, ws);
    states = normed;
  } else if (stream_ != norm_.spec.size) {
    take_columns(states, rows, stream_, 0, norm_.spec.size, normed);
    states = normed;
  }
  msmodelslim::normalize(norm_, states, normed, rows);
}

void Head::run(const float* states, std::int64_t rows, LinearOp& op, float* normed, float* logits) {
  normalize(states, rows, normed);
  op.apply(linear_, normed, rows, {{0, rows, 0}}, logits);
  shape_logits(logits, rows);
}

void Head::run_in_tiles(const float* states, std::int64_t rows, DType compute, float* normed,
                        float* logits) {
  constexpr std::int64_t kTile = 4096;
  normalize(states, rows, normed);
  const std::int64_t vocab = linear_.spec().out;
  RawVector<float> part;
  for (std::int64_t begin = 0; begin < vocab; begin += kTile) {
    const std::int64_t width = std::min(kTile, vocab - begin);
    const ProductWeight weight(linear_.source(), begin, begin + width, compute);
    weight.multiply(normed, rows, nullptr, sized(part, rows * width));
    for (std::int64_t r = 0; r < rows; ++r)
      std::copy_n(part.data() + r * width, width, logits + r * vocab + begin);
  }
  if (!linear_.bias().empty()) add_bias(logits, linear_.bias().data(), rows, vocab);
  shape_logits(logits, rows);
}

void Head::shape_logits(float* logits, std::int64_t rows) const {
  const std::int64_t vocab = linear_.spec().out;
  if (scale_ != 1) scale_rows(logits, rows, vocab, scale_);
  if (cap_ <= 0) return;
  const auto cap = static_cast<float>(cap_);
  parallel_ranges(rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * vocab; i < end * vocab; ++i)
      logits[i] = cap * std::tanh(logits[i] / cap);
  });
}

PackedStates embed_samples(const ModelSpec& model, const CheckpointReader& checkpoint,
                           const std::vector<std::vector<std::int32_t>>& samples,
                           const std::string& scratch) {
  PackedStates states;
  states.values = FloatBuffer(scratch);
  states.width = model.stream;
  for (const auto& ids : samples) {
    const auto rows = static_cast<std::int64_t>(ids.size());
    states.sequences.push_back({states.rows, rows, 0});
    states.rows += rows;
  }
  if (model.shares_choices()) states.chosen.resize(samples.size());
  states.values.reset(static_cast<std::size_t>(states.rows * states.width));
  for (std::size_t i = 0; i < samples.size(); ++i)
    embed_stream(model, checkpoint, samples[i],
                 states.values.data() + states.sequences[i].begin * states.width);
  return states;
}

void for_each_chunk(const std::vector<Sequence>& samples, std::int64_t chunk_rows,
                    const std::function<void(std::int64_t, std::int64_t, Context&)>& body) {
  for (std::size_t first = 0; first < samples.size();) {
    Context context;
    const std::int64_t begin = samples[first].begin;
    std::int64_t rows = 0;
    std::size_t next = first;
    while (next < samples.size() && (next == first || rows + samples[next].rows <= chunk_rows)) {
      Sequence sequence = samples[next++];
      sequence.begin = rows;
      rows += sequence.rows;
      context.sequences.push_back(sequence);
    }
    body(begin, rows, context);
    first = next;
  }
}

void run_block_on(const ModelSpec& model, Block& block, PackedStates& states, bool update,
                  const RopeTable& rope, LinearOp& op, const std::vector<Tap*>& taps,
                  Workspace& workspace, KvOp* kv_op, const ExpertCompletion* completion) {
  std::size_t first = 0;  // sequence of the chunk
  const auto run = [&](std::int64_t begin, std::int64_t rows, Context& context) {
    if (!states.chosen.empty()) context.chosen = states.chosen.data() + first;
    first += context.sequences.size();
    context.rope = &rope;
    context.linear_op = &op;
    context.kv_op = kv_op;
    context.completion = completion;
    context.taps = taps;
    float* at = states.values.data() + begin * states.width;
    run_block(model, block, at, update ? at : nullptr, rows, context, workspace);
  };
  for_each_chunk(states.sequences, states.chunk_rows, run);
}

}  // namespace msmodelslim
