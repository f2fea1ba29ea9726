#pragma once
// Mixture of experts: the rows of one expert are gathered, computed as one product and added back,
// one expert after the other, so that only one expert's weights need to be in memory.
//
//   y = sum over the token's experts of weight * expert(x)  (+ shared(x), or sigmoid(g x)
//   shared(x))
//
// Sums are fp32, in the order of the experts' numbers.

#include "forward/run.h"

namespace msmodelslim {

// Adds to `out` [rows, hidden] what the experts make of `x` [rows, hidden]. With a completion in
// the context `out` is not meant for anybody.
void run_moe(Moe& moe, const Block& block, const float* x, float* out, std::int64_t rows,
             Context& context, Workspace& workspace);

}  // namespace msmodelslim
