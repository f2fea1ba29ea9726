#pragma once
// Smoothing of outlier channels only; all other channels keep the scale 1.
//
// outlier_suppression_scales: m2 of modelslim_v0, found from what the Python tool's closed library
// wrote. Outliers are the channels whose peak (observe/spread_tap.h) is above the std of all
// values:
//   s = max(peak^0.5 / max|w|^0.5, 1e-5)
// A pair is left alone where rounding its inputs to 8 bits would cost more behind the scales:
//   range(x / s)^2 * sum of (s max|w|)^2  >  range(x)^2 * sum of max|w|^2
// On SmolLM2 the library leaves 5 of 60 pairs alone; four of them are those that this leaves.
//
// cbq_scales: m5, the outlier detection of CBQ (Ding et al., arXiv 2312.07950). For the channels'
// maxima, and mirrored for their minima: q20, q80 their quantiles, outliers above
// q80 + 1.5 (q80 - q20); of several outliers only those beyond the cut where
//   gap between its two sides - variance of the smaller side
// is largest stay outliers. s = (value / largest value of the others)^0.7, of both sides the
// larger.

#include <vector>

#include "observe/spread_tap.h"

namespace msmodelslim {

// `weight`: largest |w| of every column.
std::vector<float> outlier_suppression_scales(const SpreadTap::Stats& stats,
                                              const std::vector<float>& weight);

std::vector<float> cbq_scales(const std::vector<float>& min, const std::vector<float>& max);

}  // namespace msmodelslim
