#pragma once
// The strategies of plan files (analysis reference 2.5, 2.6). Levels count decoder blocks, or
// candidates, that stay float, the most sensitive first.
//
//   standing_high    the fewest blocks with the first outlier suppression, by halving; then fewer
//                    still with any of them, in growing steps
//   binary_fallback  the shortest run of candidates that is good enough, by halving
//
// What we do differently: level N, at which all are float, is tried before it is called good; an
// unreachable demand is said to be so; candidates are added to the template's own excludes.

#include <functional>
#include <string>
#include <vector>

#include "advise/tune_plan.h"

namespace msmodelslim {

// Quantizes and evaluates; true when the demand is met.
using Satisfied = std::function<bool(const Recipe&)>;

struct SearchResult {
  Recipe recipe;
  bool satisfied = false;
};

// `blocks`: by falling sensitivity; asked for only when they are needed.
using Ranking = std::function<std::vector<std::string>()>;

SearchResult search_standing_high(const StandingHigh& strategy, const Ranking& blocks,
                                  const Satisfied& satisfied);

// `names`: of all modules.
SearchResult search_binary_fallback(const BinaryFallback& strategy, const Ranking& blocks,
                                    const std::vector<std::string>& names,
                                    const Satisfied& satisfied);

}  // namespace msmodelslim
