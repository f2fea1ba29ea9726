#pragma once
// What the passes of the calibration set through one block have shown to those who look on, apart
// from the run that made them: for other runs and for files (statistics_file.h). A run that is
// given it makes no pass; what it computes then has the same bytes, since whatever an entry does
// behind a pass it does with what its taps and quantizers hold.

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "pipeline/processor.h"

namespace msmodelslim {

// Of one pass: a part for each tap, in the order of prepare(), then one for each quantizer at work,
// in the order of names.
using GatheredPass = std::vector<Bytes>;

struct GatheredBlock {
  std::vector<std::int64_t> expert_tokens;     // empty: no experts
  std::map<std::size_t, GatheredPass> passes;  // by the place of the entry in the plan
};

// The same, where it lies.
struct GatheredView {
  using Part = std::span<const std::byte>;
  std::vector<std::int64_t> expert_tokens;
  std::map<std::size_t, std::vector<Part>> passes;
};
GatheredView view_of(const GatheredBlock& block);

GatheredPass gather(const std::vector<Tap*>& taps, const BlockState& state);
// Into taps and quantizers that were made in the same way. DataError when it does not fit.
void give(const std::vector<GatheredView::Part>& pass, const std::vector<Tap*>& taps,
          BlockState& state);

}  // namespace msmodelslim
