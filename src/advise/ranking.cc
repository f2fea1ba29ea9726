#include "advise/ranking.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace msmodelslim {

void join_names(std::vector<LayerScore>* scores) {
  std::vector<LayerScore> joined;
  for (LayerScore& score : *scores) {
    if (joined.empty() || joined.back().name != score.name) {
      joined.push_back(std::move(score));
      continue;
    }
    joined.back().score += score.score;
    joined.back().error = std::hypot(joined.back().error, score.error);
  }
  *scores = std::move(joined);
}

void sort_scores(std::vector<LayerScore>* scores) {
  std::stable_sort(scores->begin(), scores->end(),
                   [](const LayerScore& a, const LayerScore& b) { return a.score > b.score; });
}

std::size_t shown_count(const std::vector<LayerScore>& sorted, std::size_t topk) {
  std::size_t runs = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if ((i == 0 || sorted[i].score != sorted[i - 1].score) && ++runs > topk) return i;
  return sorted.size();
}

std::string python_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts)
    list += fmt::format("{}'{}'", list.size() > 1 ? ", " : "", text);
  return list + "]";
}

std::string exclude_pattern(const std::string& name, bool is_block) {
  return is_block && !name.ends_with(".*") ? name + ".*" : name;
}

void print_ranking(const std::vector<LayerScore>& sorted, std::size_t topk,
                   const std::string& method, const std::vector<std::string>& patterns, bool blocks,
                   const LineSink& log, const LineSink& plain) {
  const std::size_t shown = shown_count(sorted, topk);
  const std::string rule(80, '-');
  log(fmt::format("=== Layer Analysis Results ({} method) ===", method));
  log(fmt::format("Patterns analyzed: {}", python_list(patterns)));
  log(fmt::format("Total layers analyzed: {}", sorted.size()));
  log("Layer Sensitivity Scores (higher score = more sensitive to quantization):");
  log(rule);
  for (std::size_t i = 0; i < shown; ++i)
    log(fmt::format("{:3d}. {:<50} | Score: {:12.4e}", i + 1, sorted[i].name, sorted[i].score));
  log(rule);
  log(fmt::format("Top {} most sensitive layers selected for disable_names", shown));
  log("");
  log("=== YAML Format for quantization ===");
  log("");
  plain(fmt::format("top {}:", shown));
  for (std::size_t i = 0; i < shown; ++i)
    plain(fmt::format("  - '{}'", exclude_pattern(sorted[i].name, blocks)));
  log("");
  log("=== End of YAML Format ===");
}

}  // namespace msmodelslim
