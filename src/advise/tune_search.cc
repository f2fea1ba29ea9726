#include "advise/tune_search.h"

#include <algorithm>

#include "advise/tune_recipe.h"

namespace msmodelslim {
namespace {

class StandingHighSearch {
 public:
  StandingHighSearch(const StandingHigh& strategy, const Satisfied& satisfied)
      : strategy_(strategy), satisfied_(satisfied) {}

  SearchResult run(const Ranking& ranking) {
    if (satisfied_(recipe(0, 0))) return {recipe(0, 0), true};
    blocks_ = ranking();
    if (blocks_.empty()) return {recipe(0, 0), false};
    const std::size_t level = least_level();
    if (level == blocks_.size() && !satisfied_(recipe(0, level))) return {recipe(0, level), false};
    return {descend(level), true};
  }

 private:
  Recipe recipe(std::size_t anti, std::size_t level) const {
    std::vector<std::string> patterns;
    for (std::size_t i = 0; i < level; ++i) patterns.push_back(block_pattern(blocks_[i]));
    return with_excludes(strategy_.base, strategy_.anti[anti], patterns);
  }

  // By halving; the last one is not tried.
  std::size_t least_level() const {
    std::size_t low = 1;
    std::size_t high = blocks_.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (satisfied_(recipe(0, middle)))
        high = middle;
      else
        low = middle + 1;
    }
    return low;
  }

  Recipe descend(std::size_t level) const {
    Recipe best = recipe(0, level);
    std::size_t step = 1;
    std::size_t anti = 0;  // the last that was good
    while (level >= step) {
      bool found = false;
      for (std::size_t tried = 0; tried < strategy_.anti.size() && !found; ++tried) {
        const Recipe next = recipe(anti, level - step);
        found = satisfied_(next);
        if (found)
          best = next;
        else
          anti = (anti + 1) % strategy_.anti.size();
      }
      if (found) {
        level -= step;
        step = std::max<std::size_t>(std::min(2 * step, level), 1);
      } else if (step == 1) {
        break;
      } else {
        step = 1;
      }
    }
    return best;
  }

  const StandingHigh& strategy_;
  const Satisfied& satisfied_;
  std::vector<std::string> blocks_;
};

}  // namespace

SearchResult search_standing_high(const StandingHigh& strategy, const Ranking& blocks,
                                  const Satisfied& satisfied) {
  return StandingHighSearch(strategy, satisfied).run(blocks);
}

SearchResult search_binary_fallback(const BinaryFallback& strategy, const Ranking& blocks,
                                    const std::vector<std::string>& names,
                                    const Satisfied& satisfied) {
  std::vector<std::string> patterns;
  for (const std::string& candidate : strategy.candidates)
    patterns.push_back(candidate_pattern(candidate, names));
  const auto recipe = [&](std::size_t level) {
    return with_list(strategy.base, strategy.path,
                     {patterns.begin(), patterns.begin() + static_cast<std::ptrdiff_t>(level)});
  };
  if (satisfied(recipe(0))) return {recipe(0), true};
  if (patterns.empty())
    for (const std::string& block : blocks()) patterns.push_back(block_pattern(block));
  if (patterns.empty()) return {recipe(0), false};
  std::size_t low = 1;
  std::size_t high = patterns.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (satisfied(recipe(middle)))
      high = middle;
    else
      low = middle + 1;
  }
  return {recipe(low), satisfied(recipe(low))};
}

}  // namespace msmodelslim
