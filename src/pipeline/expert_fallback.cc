#include "pipeline/expert_fallback.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"

namespace msmodelslim {

ExpertFallback expert_fallback_from_name(const std::string& name) {
  if (name == "all_tokens") return ExpertFallback::kAllTokens;
  if (name == "nearest") return ExpertFallback::kNearest;
  if (name == "dynamic") return ExpertFallback::kDynamic;
  if (name == "error") return ExpertFallback::kError;
  throw UsageError(fmt::format("--expert_fallback {}: no such fallback", name),
                   "all_tokens, nearest, dynamic or error");
}

bool OnlyTap::wants(const Linear& linear) const {
  return inner_.wants(linear) &&
         std::find(linears_.begin(), linears_.end(), linear.name()) != linears_.end();
}

std::vector<bool> starved_experts(const BlockState& state, const std::vector<std::int64_t>& tokens,
                                  const std::vector<Tap*>& taps, std::int64_t least) {
  std::vector<bool> starved(tokens.size());
  const auto wanted = [&](const Linear* linear) {
    const auto active = state.active.find(linear->name());
    return (active != state.active.end() && active->second->needs_data()) ||
           std::any_of(taps.begin(), taps.end(), [&](Tap* tap) { return tap->wants(*linear); });
  };
  for (std::size_t e = 0; e < tokens.size(); ++e) {
    if (tokens[e] >= least) continue;
    const std::vector<Linear*> linears = state.block->moe->experts[e].linears();
    starved[e] = std::any_of(linears.begin(), linears.end(), wanted);
  }
  return starved;
}

std::vector<std::string> linears_of(const Moe& moe, const std::vector<bool>& experts) {
  std::vector<std::string> names;
  for (std::size_t e = 0; e < experts.size(); ++e)
    if (experts[e])
      for (const LinearSpec* linear : moe.spec->experts[e].linears()) names.push_back(linear->name);
  return names;
}

void go_without_data(BlockState& state, const std::vector<bool>& starved) {
  Moe& moe = *state.block->moe;
  bool had_range = false;
  for (std::size_t e = 0; e < starved.size(); ++e)
    for (Linear* linear : moe.experts[e].linears())
      if (const auto it = state.active.find(linear->name()); it != state.active.end()) {
        had_range = had_range || (starved[e] && it->second->collects_range());
        if (starved[e]) it->second->round_plainly();
      }
  if (!had_range) return;
  for (Mlp& expert : moe.experts)
    for (Linear* linear : expert.linears())
      if (const auto it = state.active.find(linear->name()); it != state.active.end())
        it->second->make_dynamic();
  log_warning("quant", "{}: static activations of all experts become dynamic", moe.spec->name);
}

std::string coverage_text(const std::string& layer, const std::vector<std::int64_t>& tokens) {
  std::vector<std::int64_t> sorted = tokens;
  std::sort(sorted.begin(), sorted.end());
  std::string text = fmt::format("{}: tokens per expert {} to {}, median {}", layer, sorted.front(),
                                 sorted.back(), sorted[sorted.size() / 2]);
  const auto none = std::count(sorted.begin(), sorted.end(), 0);
  if (none == 0) return text;
  text += fmt::format("; none for {}:", none);
  constexpr std::int64_t kShown = 12;
  std::int64_t shown = 0;
  for (std::size_t e = 0; e < tokens.size() && shown < kShown; ++e)
    if (tokens[e] == 0) text += fmt::format("{} {}", shown++ == 0 ? "" : ",", e);
  return none > kShown ? text + " ..." : text;
}

}  // namespace msmodelslim
