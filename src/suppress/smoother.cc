#include "suppress/smoother.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "suppress/flex_search.h"

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

std::vector<Tap*> Smoother::prepare(Block& block) {
  graphs_.clear();
  std::vector<std::string> watched;
  for (Subgraph& graph : subgraphs_of(block)) {
    if (config_.kinds.count(graph.kind) == 0 || !config_.selects(graph.source)) continue;
    // A scale per channel cannot pass a rotation between the two linears.
    if (graph.from != nullptr && !graph.targets.front()->input_rotation().is_identity()) {
      log_warning("suppress", "{}: not smoothed, its input is rotated online",
                  graph.targets.front()->name());
      continue;
    }
    watched.push_back(graph.targets.front()->name());
    graphs_.push_back(std::move(graph));
  }
  if (graphs_.empty()) return {};
  channels_ = std::make_unique<ChannelTap>(watched);
  std::vector<Tap*> taps = {channels_.get()};
  const bool searched =
      config_.algorithm == SmoothAlgorithm::kFlexSmooth && (!config_.alpha || !config_.beta);
  rows_ = searched ? std::make_unique<RowsTap>(watched) : nullptr;
  if (rows_) taps.push_back(rows_.get());
  return taps;
}

std::vector<float> Smoother::scales_of(const Subgraph& graph, SmoothResult& result) {
  const ChannelTap::Stats& stats = channels_->stats(graph.targets.front()->name());
  const HeadShape heads{model_.heads, model_.kv_heads, model_.head_dim};
  const bool flex = config_.algorithm == SmoothAlgorithm::kFlexSmooth;
  const bool is_ov = graph.kind == SubgraphKind::kOv;
  std::vector<float> act = stats.abs_max;
  if (!config_.symmetric && graph.norm != nullptr)
    for (std::size_t j = 0; j < act.size(); ++j) act[j] = (stats.max[j] - stats.min[j]) / 2;
  // iter_smooth looks at the signed maximum except behind a norm (as the Python tool does).
  std::vector<float> weight = column_max(graph.targets, !flex && graph.norm == nullptr);
  if (flex) {
    result.alpha = config_.alpha.value_or(0);
    result.beta = config_.beta.value_or(0);
    if (rows_) {
      std::vector<float> stacked;
      std::int64_t n = 0;
      for (Linear* target : graph.targets) {
        const float* w = target->weight();
        stacked.insert(stacked.end(), w, w + target->spec().out * target->spec().in);
        n += target->spec().out;
      }
      const std::string& name = graph.targets.front()->name();
      const std::int64_t k = graph.targets.front()->spec().in;
      const std::vector<float>& x = rows_->rows(name);
      const FlexChoice choice =
          search_flex(x.data(), static_cast<std::int64_t>(x.size()) / k, stacked.data(), n, k);
      rows_->drop(name);
      if (!choice.found)
        log_warning("suppress",
                    "{}: a zero token or weight row makes every score undefined; it is "
                    "not smoothed",
                    name);
      result.alpha = choice.alpha;
      result.beta = choice.beta;
    }
  } else {
    result.alpha = *config_.alpha;
    result.beta = 1 - *config_.alpha;
  }
  const double floor = flex ? 1e-5 : config_.scale_min;
  if (is_ov && flex) {
    act = max_over_query_heads(act, heads);
    weight = max_over_query_heads(weight, heads);
  }
  std::vector<float> scales = smooth_scales(act, weight, result.alpha, result.beta, floor);
  if (is_ov && !flex) scales = mean_over_query_heads(scales, heads);
  return scales;
}

namespace {
// norm(x) -> norm(x) - z, and each target gets the bias W z.
void apply_shift(const Subgraph& graph, const std::vector<float>& shift) {
  // Before the columns are scaled: y = W x = W (x - z) + W z.
  for (Linear* target : graph.targets) add_product(*target, shift);
  std::vector<float>& bias = graph.norm->bias;
  if (bias.empty()) bias.assign(shift.size(), 0.0F);
  for (std::size_t j = 0; j < shift.size(); ++j) bias[j] -= shift[j];
}
}  // namespace

std::vector<SmoothResult> Smoother::finish() {
  std::vector<SmoothResult> results;
  const HeadShape heads{model_.heads, model_.kv_heads, model_.head_dim};
  for (const Subgraph& graph : graphs_) {
    SmoothResult result;
    result.target = graph.targets.front()->name();
    result.kind = graph.kind;
    const ChannelTap::Stats& stats = channels_->stats(result.target);
    for (float value : stats.abs_max)
      if (!std::isfinite(value))
        throw DataError(fmt::format("{}: its input has NaN or infinite values", result.target),
                        "a weight before it is damaged, or the model overflows; check the "
                        "checkpoint");
    const std::vector<float> scales = scales_of(graph, result);
    if (!config_.symmetric && graph.norm != nullptr) {
      std::vector<float> shift(stats.max.size());
      for (std::size_t j = 0; j < shift.size(); ++j) shift[j] = (stats.max[j] + stats.min[j]) / 2;
      apply_shift(graph, shift);
    }
    const bool is_ov = graph.kind == SubgraphKind::kOv;
    const std::vector<float> columns = is_ov ? repeat_for_query_heads(scales, heads) : scales;
    for (Linear* target : graph.targets) scale_columns(*target, columns);
    if (graph.norm != nullptr) {
      // smooth_quant always leaves a norm with a bias, as its engines expect.
      if (config_.algorithm == SmoothAlgorithm::kSmoothQuant && graph.norm->bias.empty())
        graph.norm->bias.assign(scales.size(), 0.0F);
      divide_norm(*graph.norm, scales);
    } else {
      divide_rows(*graph.from, scales);
    }
    result.scales = scales;
    results.push_back(std::move(result));
  }
  channels_.reset();
  rows_.reset();
  return results;
}

}  // namespace msmodelslim
