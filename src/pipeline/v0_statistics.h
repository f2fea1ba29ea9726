#pragma once
// act_method 3, disable_level and disable_threshold of modelslim_v0: statistics of the float model,
// smoothing applied, over the first samples, before the first block is quantized.
//
//   range = max |x| / std of every linear's input
//   disable_level L<n>: the n linears with the largest range stay float
//   act_method 3: a histogram where range <= 50, else min and max
//   disable_threshold t: of disable_names those stay float whose score (observe/quantile_tap.h) on
//                        the float model, all samples for outlier suppression, is above t
// Source: traditional-v0 reference, 3.2 and 3.3.

#include "pipeline/quantize_model.h"

namespace msmodelslim {

// Decides both for job->plan.v0 and makes the plan's steps anew.
void decide_v0(QuantJob* job);

}  // namespace msmodelslim
