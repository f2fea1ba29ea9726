#pragma once
// ssz: codes and their least-squares scale in turn, the best is kept (reference: quantizers 6.3).
//
//   q = Q(w, s);  e = mean((w - s q)^2);  s' = sum(w q) / max(sum(q q), 1e-30)
//   until no row improves by 1e-10, at most `steps` times
//
// All rows stop together, as in the Python tool; the step that tells so is not used. A row whose
// scale comes out as it went in has arrived: it is not computed again. Here each row goes on while
// it improves, as long as it lies in the processor's cache; when all have paused, those are taken
// up again that others have left behind.

#include "quantize/weight.h"

namespace msmodelslim {

// Codes and one scale a row, from the one of minmax on. All threads. False: NaN or infinite values.
[[nodiscard]] bool quantize_ssz(const WeightConfig& config, const WeightRows& weight,
                                QuantizedLinear& out);

}  // namespace msmodelslim
