#include "model/spec.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace msmodelslim {
namespace {

void append(std::vector<const LinearSpec*>& to, const std::vector<const LinearSpec*>& linears) {
  to.insert(to.end(), linears.begin(), linears.end());
}

}  // namespace

std::vector<const LinearSpec*> MoeSpec::linears() const {
  std::vector<const LinearSpec*> all;
  if (router_is_linear) all.push_back(&router);
  for (const MlpSpec& expert : experts) append(all, expert.linears());
  if (shared) append(all, shared->linears());
  if (shared_gate) all.push_back(&*shared_gate);
  return all;
}

std::vector<const LinearSpec*> MlaSpec::linears() const {
  std::vector<const LinearSpec*> all = {&q_b, &kv_a, &kv_b};
  if (q_a) all.insert(all.begin(), &*q_a);
  if (indexer) append(all, {&indexer->q, &indexer->k, &indexer->weights});
  return all;
}

std::vector<const LinearSpec*> EntryAttentionSpec::linears() const {
  std::vector<const LinearSpec*> all = {&q_a, &q_b, &kv};
  if (compressor) append(all, {&compressor->kv, &compressor->gate});
  if (indexer)
    append(all, {&indexer->q, &indexer->weights, &indexer->keys.kv, &indexer->keys.gate});
  return all;
}

bool BlockSpec::smooths_keys() const {
  return has_keys() && !qkv && rope && (!q_norm || (q_norm->size < q.out && q_norm->heads == 1));
}

bool BlockSpec::is_plain() const {
  return smooths_keys() && can_rotate() && !moe && !parallel && !late_qk_norm && is_gated() &&
         !head_gate && limit == 0;
}

bool BlockSpec::can_rotate() const {
  return !input_norm.name.empty() && !post_attention_norm.name.empty() && !input_norm.centered &&
         !attention_out_norm && !mlp_out_norm && !delta && !query_gate && !qkv && !gate_up &&
         !(moe && moe->zero_experts > 0);
}

std::vector<const NormSpec*> BlockSpec::norms() const {
  std::vector<const NormSpec*> all;
  for (const NormSpec* norm : {&input_norm, attention_out_norm ? &*attention_out_norm : nullptr,
                               &post_attention_norm, mlp_out_norm ? &*mlp_out_norm : nullptr})
    if (norm != nullptr && !norm->name.empty()) all.push_back(norm);
  return all;
}

std::vector<const LinearSpec*> MtpSpec::projections() const {
  std::vector<const LinearSpec*> all = {&projection};
  if (hidden_projection) all.push_back(&*hidden_projection);
  return all;
}

std::vector<const LinearSpec*> BlockSpec::linears() const {
  std::vector<const LinearSpec*> all;
  if (mla)
    append(all, mla->linears());
  else if (delta)
    for (const LinearSpec& linear : delta->inputs) all.push_back(&linear);
  else if (entries)
    append(all, entries->linears());
  else if (qkv)
    all.push_back(&*qkv);
  else
    append(all, {&q, &k, &v});
  all.push_back(&o);
  if (head_gate) all.push_back(&*head_gate);
  if (moe) append(all, moe->linears());
  if (gate_up)
    append(all, {&*gate_up, &down});
  else if (!gate.name.empty())
    append(all, {&gate, &up, &down});
  else if (is_dense())
    append(all, {&up, &down});
  if (mtp) append(all, mtp->projections());
  return all;
}

std::vector<std::string> BlockSpec::float_tensors() const {
  std::vector<std::string> names;
  if (!sinks.empty()) names.push_back(sinks);
  if (moe && !moe->router_is_linear) names.push_back(moe->router.name + ".weight");
  if (moe && !moe->router_is_linear && moe->router.bias)
    names.push_back(moe->router.name + ".bias");
  if (moe && !moe->correction_bias.empty()) names.push_back(moe->correction_bias);
  if (mla && mla->q_a_norm) names.push_back(mla->q_a_norm->name + ".weight");
  if (mla) names.push_back(mla->kv_a_norm.name + ".weight");
  if (mla && mla->indexer)
    for (const char* part : {".weight", ".bias"}) names.push_back(mla->indexer->k_norm.name + part);
  if (moe && !moe->table.empty()) names.push_back(moe->table);
  if (entries) {
    for (const std::string& module :
         {entries->q_a_norm.name, entries->kv_norm.name, entries->out_a.name})
      names.push_back(module + ".weight");
    const auto add = [&](const CompressorSpec& compressor) {
      names.insert(names.end(), {compressor.position, compressor.norm.name + ".weight"});
    };
    if (entries->compressor) add(*entries->compressor);
    if (entries->indexer) add(entries->indexer->keys);
  }
  for (const auto& hyper : {attention_hyper, mlp_hyper})
    if (hyper) names.insert(names.end(), {hyper->fn, hyper->base, hyper->scale});
  if (delta)
    names.insert(names.end(),
                 {delta->dt_bias, delta->a_log, delta->conv, delta->norm.name + ".weight"});
  if (!mtp) return names;
  for (const NormSpec* norm : {&mtp->embedding_norm, &mtp->hidden_norm, &mtp->head_norm})
    names.push_back(norm->name + ".weight");
  for (const MtpTable& table : {mtp->embedding, mtp->head})
    if (table.is_own()) names.push_back(table.name + ".weight");
  if (const auto& hyper = mtp->head_hyper)
    names.insert(names.end(), {hyper->fn, hyper->base, hyper->scale});
  return names;
}

std::vector<std::vector<const LinearSpec*>> BlockSpec::fused_groups() const {
  std::vector<std::vector<const LinearSpec*>> groups;
  std::map<std::string, std::size_t> index;
  for (const LinearSpec* linear : linears()) {
    if (linear->group.empty()) continue;
    const auto [it, is_new] = index.emplace(linear->group, groups.size());
    if (is_new) groups.emplace_back();
    groups[it->second].push_back(linear);
  }
  return groups;
}

std::vector<const LinearSpec*> ModelSpec::linears() const {
  std::vector<const LinearSpec*> all;
  for (const BlockSpec& block : blocks) append(all, block.linears());
  for (const LinearSpec& linear : loose) all.push_back(&linear);
  return all;
}

std::size_t ModelSpec::decoders() const {
  std::size_t count = 0;
  for (const BlockSpec& block : blocks) count += block.mtp ? 0 : 1;
  return count;
}

bool ModelSpec::shares_choices() const {
  return std::any_of(blocks.begin(), blocks.end(),
                     [](const BlockSpec& block) { return block.mla && block.mla->shares_choice; });
}

bool ModelSpec::has_plain_math() const {
  return !rope_pairs && !rope.local_theta && rope.query_beta == 0 && score_cap == 0 &&
         residual_scale == 1 && activation == Activation::kSilu &&
         score_scale == 1 / std::sqrt(static_cast<double>(head_dim));
}

std::vector<std::string> module_names(const ModelSpec& spec) {
  std::vector<std::string> names;
  for (const LinearSpec& linear : spec.loose) names.push_back(linear.name);
  if (!spec.has_forward()) return names;
  names.push_back(spec.embedding);
  for (const BlockSpec& block : spec.blocks) {
    names.push_back(block.name);
    names.push_back(block.attention_name());
    if (block.moe) names.insert(names.end(), {block.moe->name, block.moe->name + ".experts"});
    if (block.is_dense()) names.push_back(block.name + "." + block.mlp);
    if (block.moe && !block.moe->router_is_linear) names.push_back(block.moe->router.name);
    for (const LinearSpec* l : block.linears()) names.push_back(l->name);
    for (const NormSpec* norm : block.norms()) names.push_back(norm->name);
    if (block.q_norm) names.push_back(block.q_norm->name);
    if (block.k_norm) names.push_back(block.k_norm->name);
    if (block.mla && block.mla->q_a_norm) names.push_back(block.mla->q_a_norm->name);
    if (block.mla) names.push_back(block.mla->kv_a_norm.name);
    if (block.mla && block.mla->indexer) names.push_back(block.mla->indexer->k_norm.name);
    if (block.delta) names.push_back(block.delta->norm.name);
    if (block.entries) {
      const EntryAttentionSpec& entries = *block.entries;
      names.insert(names.end(), {entries.q_a_norm.name, entries.kv_norm.name, entries.out_a.name});
      if (entries.compressor)
        names.insert(names.end(), {entries.compressor->name, entries.compressor->norm.name});
      if (entries.indexer)
        names.insert(names.end(), {entries.indexer->keys.name, entries.indexer->keys.norm.name});
    }
    if (!block.mtp) continue;
    for (const NormSpec* norm :
         {&block.mtp->embedding_norm, &block.mtp->hidden_norm, &block.mtp->head_norm})
      names.push_back(norm->name);
    for (const MtpTable& table : {block.mtp->embedding, block.mtp->head})
      if (table.is_own()) names.push_back(table.name);
  }
  names.push_back(spec.final_norm.name);
  names.push_back(spec.head.name);
  return names;
}

}  // namespace msmodelslim
