#include "forward/block.h"

#include "base/error.h"
#include "base/threads.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

std::vector<float> read_vector(const CheckpointReader& checkpoint, const std::string& name) {
  const TensorView view = checkpoint.at(name);
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  to_f32(view, values.data());
  return values;
}

std::vector<std::int32_t> read_table(const TensorView& table, std::int64_t experts,
                                     const std::string& name) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(table.count()));
  for (std::int64_t i = 0; i < table.count(); ++i) {
    const std::int64_t value = table.dtype == DType::kI64
                                   ? table.as<std::int64_t>()[i]
                                   : std::int64_t{table.as<std::int32_t>()[i]};
    if (value < 0 || value >= experts)
      throw DataError(
          fmt::format("{} names expert {}, there are experts 0 to {}", name, value, experts - 1),
          "download the shard again");
    values[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(value);
  }
  return values;
}

// All threads; a row at a time.
void widen(const WeightSource& source, float* out) {
  parallel_ranges(source.shape()[0], 64, [&](std::int64_t begin, std::int64_t end) {
    source.read_rows(begin, end, out + begin * source.shape()[1]);
  });
}

// A quantized folder may hold the weight packed, under another name.
WeightSource source_of(const std::string& name, const CheckpointReader& checkpoint) {
  if (const auto packed = checkpoint.find(name + ".weight_packed")) return {*packed};
  return checkpoint.source(name + ".weight");
}

}  // namespace

Linear::Linear(const LinearSpec& spec, const CheckpointReader& checkpoint)
    : spec_(spec),
      source_(source_of(spec.name, checkpoint)),
      input_rotation_(read_input_rotation(checkpoint, spec.name, spec.in)) {
  if (spec.bias || checkpoint.has(spec.name + ".bias"))
    bias_ = read_vector(checkpoint, spec.name + ".bias");
}

Linear::Linear(const LinearSpec& spec, WeightSource source)
    : spec_(spec), source_(std::move(source)) {}

const float* Linear::weight() {
  if (weight_.empty() && source_.is_plain() && source_.dtype() == DType::kF32)
    return source_.plain().as<float>();
  if (weight_.empty()) {
    weight_ = Tensor::uninitialized(DType::kF32, source_.shape());
    widen(source_, weight_.as<float>());
  }
  return weight_.as<float>();
}

float* Linear::mutable_weight() {
  if (weight_.empty()) {
    weight_ = Tensor::uninitialized(DType::kF32, source_.shape());
    widen(source_, weight_.as<float>());
  }
  changed_ = true;
  return weight_.as<float>();
}

void Linear::release() {
  if (!changed_) weight_ = Tensor();
}

Norm::Norm(const NormSpec& norm_spec, const CheckpointReader& checkpoint) : spec(norm_spec) {
  if (!exists()) return;
  weight = read_vector(checkpoint, norm_spec.name + ".weight");
  if (spec.one_plus) {
    source_ = weight;
    for (float& value : weight) value += 1;
  }
  if (checkpoint.has(spec.name + ".bias")) bias = read_vector(checkpoint, spec.name + ".bias");
}

// A weight that nobody changed keeps its bits, which 1 + w - 1 would not.
std::vector<float> Norm::file_weight() const {
  std::vector<float> values = weight;
  for (std::size_t i = 0; i < source_.size(); ++i)
    values[i] = weight[i] == source_[i] + 1 ? source_[i] : weight[i] - 1;
  return values;
}

Mlp::Mlp(const MlpSpec& spec, const CheckpointReader& checkpoint)
    : gate(spec.gate, checkpoint), up(spec.up, checkpoint), down(spec.down, checkpoint) {}

Moe::Moe(const MoeSpec& moe_spec, const CheckpointReader& checkpoint)
    : spec(&moe_spec), router(moe_spec.router, checkpoint) {
  // DeepSeek-V4's correction bears the name of a bias, which is not added to the logits.
  if (spec->correction_bias == spec->router.name + ".bias")
    router = Linear(spec->router, checkpoint.source(spec->router.name + ".weight"));
  if (!spec->table.empty())
    table = read_table(checkpoint.at(spec->table), spec->choices(), spec->table);
  if (!spec->correction_bias.empty()) {
    bias_source = checkpoint.at(spec->correction_bias);
    correction_bias = read_vector(checkpoint, spec->correction_bias);
  }
  experts.reserve(spec->experts.size());
  for (const MlpSpec& expert : spec->experts) experts.emplace_back(expert, checkpoint);
  if (spec->shared) shared = std::make_unique<Mlp>(*spec->shared, checkpoint);
  if (spec->shared_gate) shared_gate = std::make_unique<Linear>(*spec->shared_gate, checkpoint);
}

std::vector<Linear*> Moe::linears() {
  std::vector<Linear*> all;
  const auto append = [&](Mlp& mlp) {
    for (Linear* linear : mlp.linears()) all.push_back(linear);
  };
  if (spec->router_is_linear) all.push_back(&router);
  for (Mlp& expert : experts) append(expert);
  if (shared) append(*shared);
  if (shared_gate) all.push_back(shared_gate.get());
  return all;
}

Indexer::Indexer(const IndexerSpec& indexer_spec, const CheckpointReader& checkpoint)
    : spec(&indexer_spec),
      q(indexer_spec.q, checkpoint),
      k(indexer_spec.k, checkpoint),
      k_norm(indexer_spec.k_norm, checkpoint),
      weights(indexer_spec.weights, checkpoint) {}

Mla::Mla(const MlaSpec& mla_spec, const CheckpointReader& checkpoint)
    : spec(&mla_spec),
      q_b(mla_spec.q_b, checkpoint),
      kv_a(mla_spec.kv_a, checkpoint),
      kv_a_norm(mla_spec.kv_a_norm, checkpoint),
      kv_b(mla_spec.kv_b, checkpoint) {
  if (mla_spec.indexer) indexer = std::make_unique<Indexer>(*mla_spec.indexer, checkpoint);
  if (!mla_spec.q_a) return;
  q_a = std::make_unique<Linear>(*mla_spec.q_a, checkpoint);
  q_a_norm = std::make_unique<Norm>(*mla_spec.q_a_norm, checkpoint);
}

std::vector<Linear*> Mla::linears() {
  std::vector<Linear*> all = {&q_b, &kv_a, &kv_b};
  if (q_a) all.insert(all.begin(), q_a.get());
  if (indexer) all.insert(all.end(), {&indexer->q, &indexer->k, &indexer->weights});
  return all;
}

std::vector<Linear*> Mla::input_readers() {
  std::vector<Linear*> all = {q_a ? q_a.get() : &q_b, &kv_a};
  if (indexer) all.insert(all.end(), {&indexer->k, &indexer->weights});
  return all;
}

std::vector<Linear*> Mla::query_readers() {
  std::vector<Linear*> all = {&q_b};
  if (indexer) all.push_back(&indexer->q);
  return all;
}

Delta::Delta(const DeltaSpec& delta_spec, const CheckpointReader& checkpoint)
    : spec(&delta_spec),
      conv(read_vector(checkpoint, delta_spec.conv)),
      a_log(read_vector(checkpoint, delta_spec.a_log)),
      dt_bias(read_vector(checkpoint, delta_spec.dt_bias)),
      norm(delta_spec.norm, checkpoint) {
  for (const LinearSpec& input : delta_spec.inputs) inputs.emplace_back(input, checkpoint);
}

Compressor::Compressor(const CompressorSpec& compressor_spec, const CheckpointReader& checkpoint)
    : spec(&compressor_spec),
      kv(compressor_spec.kv, checkpoint),
      gate(compressor_spec.gate, checkpoint),
      position(read_vector(checkpoint, compressor_spec.position)),
      norm(compressor_spec.norm, checkpoint) {}

EntryIndexer::EntryIndexer(const EntryIndexerSpec& indexer_spec, const CheckpointReader& checkpoint)
    : spec(&indexer_spec),
      q(indexer_spec.q, checkpoint),
      weights(indexer_spec.weights, checkpoint),
      keys(indexer_spec.keys, checkpoint) {}

EntryAttention::EntryAttention(const EntryAttentionSpec& entries_spec,
                               const CheckpointReader& checkpoint)
    : spec(&entries_spec),
      q_a(entries_spec.q_a, checkpoint),
      q_a_norm(entries_spec.q_a_norm, checkpoint),
      q_b(entries_spec.q_b, checkpoint),
      kv(entries_spec.kv, checkpoint),
      kv_norm(entries_spec.kv_norm, checkpoint) {
  const TensorView whole = checkpoint.source(spec->out_a.name + ".weight").whole(out_values_);
  LinearSpec group = spec->out_a;
  group.out /= spec->groups;
  const auto bytes = static_cast<std::size_t>(group.out * group.in) * dtype_size(whole.dtype);
  for (std::int64_t g = 0; g < spec->groups; ++g) {
    group.name = fmt::format("{}.{}", spec->out_a.name, g);
    const TensorView rows{
        whole.dtype, {group.out, group.in}, whole.bytes + static_cast<std::size_t>(g) * bytes};
    out_a.emplace_back(group, WeightSource(rows));
  }
  if (spec->compressor) compressor = std::make_unique<Compressor>(*spec->compressor, checkpoint);
  if (spec->indexer) indexer = std::make_unique<EntryIndexer>(*spec->indexer, checkpoint);
}

std::vector<Linear*> EntryAttention::linears() {
  std::vector<Linear*> all = {&q_a, &q_b, &kv};
  if (compressor) all.insert(all.end(), {&compressor->kv, &compressor->gate});
  if (indexer)
    all.insert(all.end(), {&indexer->q, &indexer->weights, &indexer->keys.kv, &indexer->keys.gate});
  return all;
}

std::vector<Linear*> EntryAttention::input_readers() {
  std::vector<Linear*> all = {&q_a, &kv};
  if (compressor) all.insert(all.end(), {&compressor->kv, &compressor->gate});
  if (indexer) all.insert(all.end(), {&indexer->weights, &indexer->keys.kv, &indexer->keys.gate});
  return all;
}

std::vector<Linear*> EntryAttention::query_readers() {
  std::vector<Linear*> all = {&q_b};
  if (indexer) all.push_back(&indexer->q);
  return all;
}

Hyper::Hyper(const HyperSpec& hyper_spec, const CheckpointReader& checkpoint)
    : spec(hyper_spec),
      fn(read_vector(checkpoint, hyper_spec.fn)),
      base(read_vector(checkpoint, hyper_spec.base)),
      scale(read_vector(checkpoint, hyper_spec.scale)) {}

Mtp::Mtp(const MtpSpec& mtp_spec, const CheckpointReader& checkpoint)
    : spec(&mtp_spec),
      embedding_norm(mtp_spec.embedding_norm, checkpoint),
      hidden_norm(mtp_spec.hidden_norm, checkpoint),
      head_norm(mtp_spec.head_norm, checkpoint),
      projection(mtp_spec.projection, checkpoint) {
  if (mtp_spec.hidden_projection)
    hidden_projection = std::make_unique<Linear>(*mtp_spec.hidden_projection, checkpoint);
  if (mtp_spec.head_hyper) head_hyper = std::make_unique<Hyper>(*mtp_spec.head_hyper, checkpoint);
}

std::vector<Linear*> Mtp::projections() {
  std::vector<Linear*> all = {&projection};
  if (hidden_projection) all.push_back(hidden_projection.get());
  return all;
}

Block::Block(const BlockSpec& block_spec, const CheckpointReader& checkpoint)
    : spec(&block_spec),
      input_norm(block_spec.input_norm, checkpoint),
      post_attention_norm(block_spec.post_attention_norm, checkpoint),
      o(block_spec.o, checkpoint) {
  if (block_spec.mla) {
    mla = std::make_unique<Mla>(*block_spec.mla, checkpoint);
  } else if (block_spec.delta) {
    delta = std::make_unique<Delta>(*block_spec.delta, checkpoint);
  } else if (block_spec.entries) {
    entries = std::make_unique<EntryAttention>(*block_spec.entries, checkpoint);
  } else if (block_spec.qkv) {
    qkv = std::make_unique<Linear>(*block_spec.qkv, checkpoint);
  } else {
    q = Linear(block_spec.q, checkpoint);
    k = Linear(block_spec.k, checkpoint);
    v = Linear(block_spec.v, checkpoint);
  }
  if (block_spec.head_gate) head_gate = std::make_unique<Linear>(*block_spec.head_gate, checkpoint);
  if (!block_spec.sinks.empty()) sinks = read_vector(checkpoint, block_spec.sinks);
  if (block_spec.attention_hyper) {
    attention_hyper = std::make_unique<Hyper>(*block_spec.attention_hyper, checkpoint);
    mlp_hyper = std::make_unique<Hyper>(*block_spec.mlp_hyper, checkpoint);
  }
  if (block_spec.mtp) mtp = std::make_unique<Mtp>(*block_spec.mtp, checkpoint);
  if (block_spec.q_norm) q_norm = std::make_unique<Norm>(*block_spec.q_norm, checkpoint);
  if (block_spec.k_norm) k_norm = std::make_unique<Norm>(*block_spec.k_norm, checkpoint);
  const auto out_norm = [&](const std::optional<NormSpec>& norm, std::unique_ptr<Norm>& to) {
    if (norm) to = std::make_unique<Norm>(*norm, checkpoint);
  };
  out_norm(block_spec.attention_out_norm, attention_out_norm);
  out_norm(block_spec.mlp_out_norm, mlp_out_norm);
  if (block_spec.moe) moe = std::make_unique<Moe>(*block_spec.moe, checkpoint);
  if (!block_spec.is_dense()) return;
  down = Linear(block_spec.down, checkpoint);
  if (block_spec.gate_up) {
    gate_up = std::make_unique<Linear>(*block_spec.gate_up, checkpoint);
    return;
  }
  if (!block_spec.gate.name.empty()) gate = Linear(block_spec.gate, checkpoint);
  up = Linear(block_spec.up, checkpoint);
}

std::vector<Linear*> Block::attention_inputs() {
  if (mla) return mla->linears();
  if (entries) return entries->linears();
  if (qkv) return {qkv.get()};
  if (!delta) return {&q, &k, &v};
  std::vector<Linear*> all;
  for (Linear& input : delta->inputs) all.push_back(&input);
  return all;
}

std::vector<Linear*> Block::attention_linears() {
  std::vector<Linear*> all = attention_inputs();
  all.push_back(&o);
  if (head_gate) all.push_back(head_gate.get());
  return all;
}

std::vector<Linear*> Block::mlp_inputs() {
  if (!spec->is_dense()) return {};
  if (gate_up) return {gate_up.get()};
  if (!spec->is_gated()) return {&up};
  return {&gate, &up};
}

std::vector<Linear*> Block::mlp_linears() {
  std::vector<Linear*> all;
  if (moe) all = moe->linears();
  for (Linear* linear : mlp_inputs()) all.push_back(linear);
  if (spec->is_dense()) all.push_back(&down);
  return all;
}

std::vector<Linear*> Block::linears() {
  std::vector<Linear*> all = attention_linears();
  for (Linear* linear : mlp_linears()) all.push_back(linear);
  if (mtp)
    for (Linear* linear : mtp->projections()) all.push_back(linear);
  return all;
}

}  // namespace msmodelslim
