#pragma once
// The strategy `auto`, ours: starts from any recipe and changes one thing at a time, keeping what
// makes the KL smaller: how activations of int8 linears are scaled, what suppresses outliers in
// front, and its strength. Where a demand is still not met then, blocks stay float, the most
// sensitive first, as few as will do.
//
// The order is that of what usually gains most (analysis reference 6), and stops early when the
// demand is met at no cost in speed or size.

#include "advise/tune_search.h"

namespace msmodelslim {

// KL of the recipe's result, smaller is better; and whether the demand is met (never, without one).
struct Quality {
  double kl = 0;
  bool satisfied = false;
};
using Judge = std::function<Quality(const Recipe&)>;

// `has_demand`: false: the best is searched.
SearchResult search_auto(const AutoSearch& strategy, bool has_demand, const Ranking& blocks,
                         const Judge& judge);

}  // namespace msmodelslim
