#include "suppress/smoother.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "suppress/flex_awq_search.h"
#include "suppress/flex_search.h"
#include "suppress/outlier_channels.h"

namespace msmodelslim {
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

bool Smoother::searches() const {
  if (config_.algorithm == SmoothAlgorithm::kFlexSmooth) return !config_.alpha || !config_.beta;
  return config_.algorithm == SmoothAlgorithm::kFlexAwqSsz && !config_.alpha;
}

std::vector<Tap*> Smoother::prepare(Block& block, const std::vector<Sequence>& samples) {
  graphs_.clear();
  std::vector<std::string> watched;
  for (Subgraph& graph : subgraphs_of(block)) {
    if (config_.kinds.count(graph.kind) == 0 || !config_.selects(graph.source)) continue;
    if (rotated_between(graph) || has_target(graph, config_.skip)) continue;
    watched.push_back(graph.targets.front()->name());
    graphs_.push_back(std::move(graph));
  }
  if (config_.norms_first)
    std::stable_partition(graphs_.begin(), graphs_.end(),
                          [](const Subgraph& graph) { return graph.norm != nullptr; });
  if (graphs_.empty()) return {};
  std::vector<Tap*> taps;
  if (by_channel()) {
    spread_ = std::make_unique<SpreadTap>(watched, 0.5F);
    taps.push_back(spread_.get());
  }
  if (config_.algorithm == SmoothAlgorithm::kFlexAwqSsz) {
    means_ = std::make_unique<MeanTap>(watched);
    taps.push_back(means_.get());
  } else {
    channels_ = std::make_unique<ChannelTap>(watched);
    taps.push_back(channels_.get());
  }
  if (searches()) {
    rows_ = std::make_unique<RowsTap>(watched, spread_rows(samples, config_.search_rows));
    taps.push_back(rows_.get());
  }
  return taps;
}

bool Smoother::seen(const Subgraph& graph) const {
  const std::string& name = graph.targets.front()->name();
  if (means_ ? means_->seen(name) : channels_->seen(name)) return true;
  log_warning("suppress", "{}: not smoothed, no calibration token reached it", name);
  return false;
}

std::vector<float> Smoother::activation_of(const Subgraph& graph) const {
  const std::string& name = graph.targets.front()->name();
  if (means_) return means_->mean(name);
  const ChannelTap::Stats& stats = channels_->stats(name);
  std::vector<float> act = stats.abs_max;
  if (!config_.symmetric && !config_.v0 && graph.norm != nullptr)
    for (std::size_t j = 0; j < act.size(); ++j) act[j] = (stats.max[j] - stats.min[j]) / 2;
  return act;
}

void Smoother::choose(const Subgraph& graph, SmoothResult& result) {
  result.alpha = config_.alpha.value_or(0);
  if (config_.algorithm == SmoothAlgorithm::kFlexSmooth)
    result.beta = config_.beta.value_or(0);
  else if (config_.algorithm != SmoothAlgorithm::kFlexAwqSsz)
    result.beta = 1 - result.alpha;
  if (!searches()) return;
  const std::string& name = graph.targets.front()->name();
  const std::int64_t k = graph.targets.front()->spec().in;
  const std::vector<float>& x = rows_->rows(name);
  const auto rows = static_cast<std::int64_t>(x.size()) / k;
  FlexChoice choice;
  if (config_.algorithm == SmoothAlgorithm::kFlexSmooth) {
    std::vector<WeightPiece> weights;
    for (Linear* target : graph.targets) weights.push_back({target->weight(), target->spec().out});
    choice = search_flex(x.data(), rows, weights, k, config_.search_rows > 0,
                         config_.v0 ? FlexInput::kPerTensor : FlexInput::kPerRow);
  } else {
    choice =
        search_flex_awq(x.data(), rows, graph.targets, config_.round_weight, config_.round_input);
  }
  rows_->drop(name);
  if (!choice.found)
    log_warning("suppress",
                "{}: a zero token or weight row makes every score undefined; it is not smoothed",
                name);
  result.alpha = choice.alpha;
  result.beta = choice.beta;
}

std::vector<float> Smoother::scales_of(const Subgraph& graph, const SmoothResult& result) const {
  if (by_channel()) {
    const SpreadTap::Stats& stats = spread_->all().at(graph.targets.front()->name());
    return config_.algorithm == SmoothAlgorithm::kCbq
               ? cbq_scales(stats.min, stats.max)
               : outlier_suppression_scales(stats, column_max(graph.targets, false));
  }
  std::vector<float> act = activation_of(graph);
  // iter_smooth looks at the signed maximum except behind a norm (as the Python tool does).
  std::vector<float> weight =
      column_max(graph.targets, !flex() && !config_.v0 && graph.norm == nullptr);
  const bool is_ov = graph.kind == SubgraphKind::kOv;
  if (is_ov && flex()) {
    act = max_over_query_heads(act, heads_of(model_, graph));
    weight = max_over_query_heads(weight, heads_of(model_, graph));
  }
  const double floor = flex() ? 1e-5 : config_.scale_min;
  std::vector<float> scales = smooth_scales(act, weight, result.alpha, result.beta, floor);
  if (is_ov && !flex()) scales = mean_over_query_heads(scales, heads_of(model_, graph));
  return scales;
}

std::vector<float> Smoother::shift_of(const Subgraph& graph) const {
  if (config_.symmetric || graph.norm == nullptr) return {};
  const ChannelTap::Stats& stats = channels_->stats(graph.targets.front()->name());
  std::vector<float> middle(stats.max.size());
  for (std::size_t j = 0; j < middle.size(); ++j) middle[j] = (stats.max[j] + stats.min[j]) / 2;
  return middle;
}

InputChange Smoother::input_change_of(const Subgraph& graph, const std::vector<float>& scales,
                                      const std::vector<float>& shift) const {
  const std::string& name = graph.targets.front()->name();
  const std::vector<float> columns = column_scales(graph, scales, heads_of(model_, graph));
  if (means_) return input_change(means_->mean(name), columns);
  const ChannelTap::Stats& stats = channels_->stats(name);
  return input_change(stats.min, stats.max, columns, shift);
}

std::vector<SmoothResult> Smoother::finish() {
  std::vector<SmoothResult> results;
  for (const Subgraph& graph : graphs_) {
    if (!seen(graph)) continue;
    check_statistic(graph, activation_of(graph));
    SmoothResult result;
    result.target = graph.targets.front()->name();
    result.kind = graph.kind;
    choose(graph, result);
    result.scales = scales_of(graph, result);
    const std::vector<float> shift = shift_of(graph);
    result.input = input_change_of(graph, result.scales, shift);
    if (!shift.empty()) apply_shift(graph, shift);
    // smooth_quant always leaves a norm with a bias, as its engines expect.
    if (config_.algorithm == SmoothAlgorithm::kSmoothQuant && graph.norm != nullptr &&
        graph.norm->bias.empty())
      graph.norm->bias.assign(result.scales.size(), 0.0F);
    move_scales(graph, result.scales, heads_of(model_, graph));
    results.push_back(std::move(result));
  }
  channels_.reset();
  spread_.reset();
  means_.reset();
  rows_.reset();
  return results;
}

}  // namespace msmodelslim
