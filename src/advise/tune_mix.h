#pragma once
// The search of --target_bits and --max_kl: mixes of types along mix_path(), tried.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "advise/mix_model.h"
#include "advise/tune_search.h"

namespace msmodelslim {

// A mix that was tried.
struct MixTrial {
  std::string config_id;
  double bits = 0;  // per weight, on average
  double loss = 0;  // the sum of the parts' KL
  double kl = 0;
  std::uint64_t bytes = 0;
};

struct MixTable {
  std::vector<MixPart> parts;
  std::vector<MixPoint> path;
  std::vector<MixTrial> trials;  // by rising bits
  Assignment chosen;
};

// Quantizes and measures; fills in all but bits and loss.
using TryMix = std::function<MixTrial(const Recipe&)>;

// target_bits: that mix; and the ends of the path, for the table. max_kl: the fewest bits with such
// a KL, by halving.
SearchResult search_mix(const ModelSpec& model, const MixSearch& search, const TryMix& attempt,
                        MixTable* table);

}  // namespace msmodelslim
