#pragma once
// Search of alpha for flex_awq_ssz (reference: outlier-suppression 6).
//
//   score(alpha) = rms(QX(X/t) QW(W t)^T - X W^T) / rms(X W^T),  t = colmax|X|^alpha
//   alpha over 0, 0.05 .. 1; among equal scores the larger wins; a NaN score never wins.
// QX, QW: what the codes of the quantizers that are to come stand for. What is applied afterwards
// is mean|X|^alpha, not colmax|X|^alpha (as in the Python tool).
//
// What we do differently: a bias of the target counts on neither side; in the Python tool it is in
// the quantized product only. All targets behind a norm count, there two of more than three. A
// candidate is given up once its error is above that of a finished one, which changes nothing.

#include <cstdint>
#include <vector>

#include "forward/block.h"
#include "suppress/flex_search.h"
#include "suppress/rounding.h"

namespace msmodelslim {

// x [rows, k]: the calibration rows; `targets` read them. The choice's beta is 0.
FlexChoice search_flex_awq(const float* x, std::int64_t rows, const std::vector<Linear*>& targets,
                           const RoundWeight& round_weight, const RoundInput& round_input);

}  // namespace msmodelslim
