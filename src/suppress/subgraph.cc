#include "suppress/subgraph.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"

namespace msmodelslim {

std::vector<Subgraph> subgraphs_of(Block& block) {
  return {
      {SubgraphKind::kUpDown, block.up.name(), nullptr, &block.up, {&block.down}},
      {SubgraphKind::kOv, block.v.name(), nullptr, &block.v, {&block.o}},
      {SubgraphKind::kNormLinear,
       block.input_norm.spec.name,
       &block.input_norm,
       nullptr,
       {&block.k, &block.q, &block.v}},
      {SubgraphKind::kNormLinear,
       block.post_attention_norm.spec.name,
       &block.post_attention_norm,
       nullptr,
       {&block.gate, &block.up}},
  };
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

HeadShape heads_of(const ModelSpec& model) { return {model.heads, model.kv_heads, model.head_dim}; }

void move_scales(const Subgraph& graph, const std::vector<float>& scales, const HeadShape& heads) {
  const std::vector<float> columns =
      graph.kind == SubgraphKind::kOv ? repeat_for_query_heads(scales, heads) : scales;
  for (Linear* target : graph.targets) scale_columns(*target, columns);
  if (graph.norm != nullptr)
    divide_norm(*graph.norm, scales);
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
