#include "forward/run.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "forward/mla.h"
#include "forward/moe.h"
#include "forward/scratch.h"
#include "forward/steps.h"
#include "kernels/attention.h"
#include "kernels/ops.h"
#include "kernels/rope.h"

namespace msmodelslim {
namespace {

void rotate(const ModelSpec& model, const Context& context, float* x, std::int64_t heads) {
  const RopeTable& rope = *context.rope;
  for (const Sequence& s : context.sequences) {
    parallel_ranges(s.rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      rotate_half(x + (s.begin + begin) * heads * model.head_dim, end - begin, heads,
                  model.head_dim, rope.half(), rope.cos(), rope.sin(), s.position + begin);
    });
  }
}

// Cached keys or values as fp32, in `buffer` if they are not.
const float* floats_of(const void* values, const CachedRows& rows, std::int64_t width,
                       std::vector<float>& buffer) {
  if (rows.dtype == DType::kF32) return static_cast<const float*>(values);
  const auto* bits = static_cast<const std::uint16_t*>(values);
  float* out = sized(buffer, rows.count * width);
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
  const std::int64_t q_width = model.heads * model.head_dim;
  const std::int64_t kv_width = model.kv_heads * model.head_dim;
  float* q = sized(ws.q, rows * q_width);
  float* k = sized(ws.k, rows * kv_width);
  float* v = sized(ws.v, rows * kv_width);
  apply(context, block.q, normed, rows, q, ws);
  apply(context, block.k, normed, rows, k, ws);
  apply(context, block.v, normed, rows, v, ws);
  if (block.q_norm) normalize(*block.q_norm, q, q, rows * model.heads);
  if (block.k_norm) normalize(*block.k_norm, k, k, rows * model.kv_heads);
  rotate(model, context, q, model.heads);
  rotate(model, context, k, model.kv_heads);
  for (Tap* tap : context.taps) tap->see_kv(block, k, v, rows, context.sequences);
  if (context.kv_op != nullptr) context.kv_op->apply(block, k, v, rows);
  float* out = sized(ws.attention, rows * q_width);
  AttentionShape shape;
  shape.heads = model.heads;
  shape.kv_heads = model.kv_heads;
  shape.head_dim = model.head_dim;
  shape.scale = 1.0F / std::sqrt(static_cast<float>(model.head_dim));
  shape.window = block.spec->window;
  std::vector<DecodeItem> single;  // sequences with one new token
  for (std::size_t i = 0; i < context.sequences.size(); ++i) {
    const Sequence& s = context.sequences[i];
    CachedRows all{s.rows, DType::kF32, k + s.begin * kv_width, v + s.begin * kv_width};
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
    attention(shape, query, floats_of(all.k, all, kv_width, ws.cached_k),
              floats_of(all.v, all, kv_width, ws.cached_v), to);
  }
  decode_attention(shape, single);
}

}  // namespace

void run_block(const ModelSpec& model, Block& block, const float* in, float* out, std::int64_t rows,
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
  apply(context, block.o, ws.attention.data(), rows, hidden, ws);
  add_rows(hidden, in, rows, h);
  normalize(block.post_attention_norm, hidden, normed, rows);
  if (block.moe) {
    run_moe(*block.moe, block, normed, hidden, rows, context, ws);
    if (out != nullptr) std::copy_n(hidden, rows * h, out);
    return;
  }
  if (out == nullptr && !wanted(context, block.down) && !context.linear_op->wants(block.gate) &&
      !context.linear_op->wants(block.up)) {
    for (const Linear* linear : {&block.gate, &block.up})
      show(context, *linear, turned(*linear, normed, rows, ws), rows);
    return;
  }
  float* gate = gated(block.gate, block.up, normed, rows, context, ws);
  if (out == nullptr && !context.linear_op->wants(block.down)) {
    show(context, block.down, turned(block.down, gate, rows, ws), rows);
    return;
  }
  apply(context, block.down, gate, rows, normed, ws);
  if (out == nullptr) return;
  add_rows(hidden, normed, rows, h);
  std::copy_n(hidden, rows * h, out);
}

void run_attention(const ModelSpec& model, Block& block, const float* normed, float* out,
                   std::int64_t rows, Context& context, Workspace& ws) {
  attend(model, block, normed, rows, context, ws);
  apply(context, block.o, ws.attention.data(), rows, out, ws);
}

void run_mlp(Block& block, const float* normed, float* out, std::int64_t rows, Context& context,
             Workspace& ws) {
  apply(context, block.down, gated(block.gate, block.up, normed, rows, context, ws), rows, out, ws);
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
}

Head::Head(const ModelSpec& model, const CheckpointReader& checkpoint)
    : norm_(model.final_norm, checkpoint),
      linear_(model.tied ? Linear(model.head, checkpoint.source(model.embedding + ".weight"))
                         : Linear(model.head, checkpoint)) {}

void Head::run(const float* hidden, std::int64_t rows, LinearOp& op, float* normed, float* logits) {
  normalize(norm_, hidden, normed, rows);
  op.apply(linear_, normed, rows, {{0, rows, 0}}, logits);
}

PackedStates embed_samples(const ModelSpec& model, const CheckpointReader& checkpoint,
                           const std::vector<std::vector<std::int32_t>>& samples) {
  PackedStates states;
  states.width = model.hidden;
  for (const auto& ids : samples) {
    const auto rows = static_cast<std::int64_t>(ids.size());
    states.sequences.push_back({states.rows, rows, 0});
    states.rows += rows;
  }
  states.values.resize(static_cast<std::size_t>(states.rows * states.width));
  for (std::size_t i = 0; i < samples.size(); ++i)
    embed(model, checkpoint, samples[i],
          states.values.data() + states.sequences[i].begin * states.width);
  return states;
}

void for_each_chunk(const std::vector<Sequence>& samples,
                    const std::function<void(std::int64_t, std::int64_t, Context&)>& body) {
  for (std::size_t first = 0; first < samples.size();) {
    Context context;
    const std::int64_t begin = samples[first].begin;
    std::int64_t rows = 0;
    std::size_t next = first;
    while (next < samples.size() && (next == first || rows + samples[next].rows <= kChunkRows)) {
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
  for_each_chunk(states.sequences, [&](std::int64_t begin, std::int64_t rows, Context& context) {
    context.rope = &rope;
    context.linear_op = &op;
    context.kv_op = kv_op;
    context.completion = completion;
    context.taps = taps;
    float* at = states.values.data() + begin * states.width;
    run_block(model, block, at, update ? at : nullptr, rows, context, workspace);
  });
}

}  // namespace msmodelslim
