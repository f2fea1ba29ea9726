#include "model/check_checkpoint.h"

#include <string>
#include <vector>

#include "base/error.h"

namespace msmodelslim {
namespace {

void check_tensor(const CheckpointReader& checkpoint, const std::string& name, const Shape& shape,
                  std::vector<std::string>& problems) {
  if (!checkpoint.has(name)) {
    problems.push_back(fmt::format("{} is missing", name));
    return;
  }
  const WeightSource source = checkpoint.source(name);
  if (source.shape() != shape)
    problems.push_back(fmt::format("{} is {} in {}, expected {}", name, shape_text(source.shape()),
                                   checkpoint.file_of(name), shape_text(shape)));
  else if (!is_float(source.dtype()))
    problems.push_back(fmt::format("{} is {} in {}, expected F16, BF16 or F32", name,
                                   dtype_name(source.dtype()), checkpoint.file_of(name)));
}

void check_entries(const BlockSpec& block, const ModelSpec& model,
                   const CheckpointReader& checkpoint, std::vector<std::string>& problems) {
  const EntryAttentionSpec& entries = *block.entries;
  const auto check = [&](const std::string& name, const Shape& shape) {
    check_tensor(checkpoint, name, shape, problems);
  };
  const auto compressor = [&](const CompressorSpec& spec) {
    check(spec.position, {spec.ratio, spec.width()});
    check(spec.norm.name + ".weight", {spec.dim});
  };
  check(entries.q_a_norm.name + ".weight", {entries.q_a_norm.size});
  check(entries.kv_norm.name + ".weight", {entries.kv_norm.size});
  check(entries.out_a.name + ".weight", {entries.out_a.out, entries.out_a.in});
  if (entries.compressor) compressor(*entries.compressor);
  if (entries.indexer) compressor(entries.indexer->keys);
  for (const auto& hyper : {block.attention_hyper, block.mlp_hyper}) {
    const std::int64_t mixes = (2 + hyper->copies) * hyper->copies;
    check(hyper->fn, {mixes, hyper->copies * model.hidden});
    check(hyper->base, {mixes});
    check(hyper->scale, {3});
  }
  if (!block.moe->table.empty()) {
    const Shape shape = {model.vocab, block.moe->per_token};
    const auto table = checkpoint.find(block.moe->table);
    if (!table || table->shape != shape ||
        (table->dtype != DType::kI32 && table->dtype != DType::kI64))
      problems.push_back(
          fmt::format("{} must be I32 or I64 {}", block.moe->table, shape_text(shape)));
  }
}

void check_delta(const DeltaSpec& delta, const CheckpointReader& checkpoint,
                 std::vector<std::string>& problems) {
  check_tensor(checkpoint, delta.conv, {delta.conv_width(), 1, delta.kernel}, problems);
  check_tensor(checkpoint, delta.a_log, {delta.value_heads}, problems);
  check_tensor(checkpoint, delta.dt_bias, {delta.value_heads}, problems);
  check_tensor(checkpoint, delta.norm.name + ".weight", {delta.value_dim}, problems);
}

void check_head_hyper(const HyperSpec& hyper, const ModelSpec& model,
                      const CheckpointReader& checkpoint, std::vector<std::string>& problems) {
  check_tensor(checkpoint, hyper.fn, {hyper.copies, hyper.copies * model.hidden}, problems);
  check_tensor(checkpoint, hyper.base, {hyper.copies}, problems);
  check_tensor(checkpoint, hyper.scale, {1}, problems);
}

}  // namespace

void check_checkpoint(const ModelSpec& spec, const CheckpointReader& checkpoint) {
  std::vector<std::string> problems;
  const auto linear = [&](const LinearSpec& l) {
    check_tensor(checkpoint, l.name + ".weight", {l.out, l.in}, problems);
    if (l.bias) check_tensor(checkpoint, l.name + ".bias", {l.out}, problems);
  };
  const auto norm = [&](const NormSpec& n) {
    const Shape shape = n.heads == 1 ? Shape{n.size} : Shape{n.heads, n.size};
    check_tensor(checkpoint, n.name + ".weight", shape, problems);
  };
  check_tensor(checkpoint, spec.embedding + ".weight", {spec.vocab, spec.hidden}, problems);
  for (const BlockSpec& block : spec.blocks) {
    for (const LinearSpec* l : block.linears()) linear(*l);
    for (const NormSpec* n : block.norms()) norm(*n);
    if (block.delta) check_delta(*block.delta, checkpoint, problems);
    if (block.entries) check_entries(block, spec, checkpoint, problems);
    if (block.q_norm) norm(*block.q_norm);
    if (block.k_norm) norm(*block.k_norm);
    if (!block.sinks.empty()) check_tensor(checkpoint, block.sinks, {spec.heads}, problems);
    if (block.mla && block.mla->q_a_norm) norm(*block.mla->q_a_norm);
    if (block.mla) norm(block.mla->kv_a_norm);
    if (block.mla && block.mla->indexer) {
      norm(block.mla->indexer->k_norm);
      check_tensor(checkpoint, block.mla->indexer->k_norm.name + ".bias", {block.mla->indexer->dim},
                   problems);
    }
    if (block.mtp) {
      for (const NormSpec* n :
           {&block.mtp->embedding_norm, &block.mtp->hidden_norm, &block.mtp->head_norm})
        norm(*n);
      if (block.mtp->head_hyper)
        check_head_hyper(*block.mtp->head_hyper, spec, checkpoint, problems);
    }
    if (!block.moe) continue;
    if (!block.moe->router_is_linear) linear(block.moe->router);
    if (!block.moe->correction_bias.empty())
      check_tensor(checkpoint, block.moe->correction_bias, {block.moe->choices()}, problems);
  }
  norm(spec.final_norm);
  if (spec.head_hyper) check_head_hyper(*spec.head_hyper, spec, checkpoint, problems);
  if (!spec.tied) linear(spec.head);
  if (problems.empty()) return;
  constexpr std::size_t kShown = 12;
  std::string text;
  for (std::size_t i = 0; i < problems.size() && i < kShown; ++i) text += "\n  " + problems[i];
  if (problems.size() > kShown) text += fmt::format("\n  and {} more", problems.size() - kShown);
  throw DataError(
      fmt::format("{}: the weights do not fit config.json:{}", checkpoint.folder(), text),
      "fetch the missing or damaged files again, or the config.json that belongs to "
      "these weights");
}

}  // namespace msmodelslim
