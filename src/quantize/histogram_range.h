#pragma once
// The input range that costs the least squared error, for static int8 activations (`method:
// histogram`).
//
// Source: torch.ao.quantization.HistogramObserver, as the Python tool uses it. With a density that
// is even within each bin of the histogram (observe/histogram.h), the squared error of a quantizer
// with scale s and offset o is
//
//   E = sum over bins h / width * s^3 * (I(t1) - I(t0)),  t = x / s + o at the bin's two ends
//   I(t) = n / 12 + (t - n)^3 / 3,                        n = clamp(rne(t), -128, 127)
//
// I is the integral of (t - n)^2, clipped ends included. The search starts with the whole range and
// narrows it, each time at the end that loses more bins for one hundred-thousandth of the values;
// the window with the smallest E wins.
//
// What we do differently: the histogram is that of all samples (the Python tool clips to the last
// one, and its search stops at the whole range); E is the error of the quantizer that is written,
// symmetric or not (torch: of 256 even levels over the window); the search goes on until E is
// twice the best one (torch: until it rises for the first time, which rounding of the offset can
// cause) and tries windows that shrink by 0.5 % or a bin; a window must save 1 % to be preferred to
// the whole range.

#include <vector>

#include "observe/histogram.h"
#include "quantize/int8.h"

namespace msmodelslim {

// E above, for counts over `range`; range.min < range.max.
double histogram_error(const std::vector<double>& counts, MinMax range, QuantParam param);

// The range to make the scale and offset of. `histogram` must not be empty.
MinMax best_range(const RunningHistogram& histogram, bool symmetric, DType scale_dtype);

// The traditional way's act_method 2: torch's own search, with E of 256 even levels over the window
// (asymmetric). The window stops at the first rise of E, and the whole range is no candidate, so a
// few huge values are clipped even where that costs more squared error. Models whose down_proj
// stays float, as in V0's defaults, lose less that way. The Python tool's histogram itself leaves
// values out: those beyond the whole-number parts of the smallest and largest one.
MinMax first_rise_range(const RunningHistogram& histogram);

enum class RangeSearch { kLeastError, kFirstRise };  // best_range, first_rise_range

}  // namespace msmodelslim
