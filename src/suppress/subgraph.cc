#include "suppress/subgraph.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"

namespace msmodelslim {

namespace {

// Scales of all rows, where each head has `key_rows` rows in front that stay.
std::vector<float> behind_keys(const std::vector<float>& scales, const HeadShape& heads,
                               std::int64_t key_rows) {
  std::vector<float> rows;
  for (std::int64_t h = 0; h < heads.kv_heads; ++h) {
    rows.insert(rows.end(), static_cast<std::size_t>(key_rows), 1.0F);
    const auto from = scales.begin() + h * heads.head_dim;
    rows.insert(rows.end(), from, from + heads.head_dim);
  }
  return rows;
}

}  // namespace

std::vector<Subgraph> subgraphs_of(Block& block) {
  std::vector<Subgraph> graphs;
  const auto up_down = [&](Linear& up, Linear& down) {
    graphs.push_back({SubgraphKind::kUpDown, up.name(), nullptr, &up, {&down}});
  };
  const auto norm_linear = [&](Norm& norm, std::vector<Linear*> targets) {
    if (!norm.exists()) return;
    graphs.push_back(
        {SubgraphKind::kNormLinear, norm.spec.name, &norm, nullptr, std::move(targets)});
  };
  if (block.moe && block.moe->spec->activation != Activation::kSilu) {
    // What clamps its inputs does not pass scales on.
  } else if (block.moe) {
    if (block.moe->spec->limit == 0)
      for (Mlp& expert : block.moe->experts) up_down(expert.up, expert.down);
    if (block.moe->shared && block.moe->spec->shared_limit == 0)
      up_down(block.moe->shared->up, block.moe->shared->down);
  }
  if (!block.gate_up && !block.spec->gate.name.empty() && block.spec->limit == 0)
    up_down(block.up, block.down);
  if (block.mla) {
    Mla& mla = *block.mla;
    graphs.push_back(
        {SubgraphKind::kOv, mla.kv_b.name(), nullptr, &mla.kv_b, {&block.o}, mla.spec->nope});
    norm_linear(block.input_norm, mla.input_readers());
    if (mla.q_a) norm_linear(*mla.q_a_norm, mla.query_readers());
  } else if (block.entries) {
    norm_linear(block.input_norm, block.entries->input_readers());
    norm_linear(block.entries->q_a_norm, block.entries->query_readers());
  } else if (block.spec->has_keys()) {
    if (!block.qkv)
      graphs.push_back({SubgraphKind::kOv, block.v.name(), nullptr, &block.v, {&block.o}});
    std::vector<Linear*> targets = {block.qkv.get()};
    if (!block.qkv) targets = {&block.k, &block.q, &block.v};
    if (block.head_gate) targets.push_back(block.head_gate.get());
    if (block.spec->parallel && !block.post_attention_norm.exists())
      for (Linear* linear : block.mlp_inputs()) targets.push_back(linear);
    norm_linear(block.input_norm, targets);
  }
  if (!block.moe) norm_linear(block.post_attention_norm, block.mlp_inputs());
  for (Subgraph& graph : graphs) graph.query_heads = block.spec->heads;
  return graphs;
}

const char* subgraph_kind_name(SubgraphKind kind) {
  switch (kind) {
    case SubgraphKind::kUpDown:
      return "up-down";
    case SubgraphKind::kOv:
      return "ov";
    case SubgraphKind::kLinearLinear:
      return "linear-linear";
    case SubgraphKind::kNormLinear:
      break;
  }
  return "norm-linear";
}

bool rotated_between(const Subgraph& graph) {
  const Linear& target = *graph.targets.front();
  if (graph.from == nullptr || target.input_rotation().is_identity()) return false;
  log_warning("suppress", "{}: not smoothed, its input is rotated online", target.name());
  return true;
}

bool has_target(const Subgraph& graph, const std::vector<std::string>& names) {
  return std::any_of(graph.targets.begin(), graph.targets.end(), [&](const Linear* target) {
    return std::find(names.begin(), names.end(), target->name()) != names.end();
  });
}

HeadShape heads_of(const ModelSpec& model, const Subgraph& graph) {
  return {graph.query_heads, model.kv_heads, model.head_dim};
}

std::vector<float> column_scales(const Subgraph& graph, const std::vector<float>& scales,
                                 const HeadShape& heads) {
  return graph.kind == SubgraphKind::kOv ? repeat_for_query_heads(scales, heads) : scales;
}

void move_scales(const Subgraph& graph, const std::vector<float>& scales, const HeadShape& heads) {
  const std::vector<float> columns = column_scales(graph, scales, heads);
  for (Linear* target : graph.targets) scale_columns(*target, columns);
  if (graph.norm != nullptr)
    divide_norm(*graph.norm, scales);
  else if (graph.key_rows > 0)
    divide_rows(*graph.from, behind_keys(scales, heads, graph.key_rows));
  else
    divide_rows(*graph.from, scales);
}

void check_statistic(const Subgraph& graph, const std::vector<float>& values) {
  for (float value : values)
    if (!std::isfinite(value))
      throw DataError(
          fmt::format("{}: its input has NaN or infinite values", graph.targets.front()->name()),
          "a weight before it is damaged, or the model overflows; check the checkpoint");
}

}  // namespace msmodelslim
