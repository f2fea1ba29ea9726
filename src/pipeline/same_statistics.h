#pragma once
// When the passes of two plans gather the same: for runs of several recipes, --stats_out,
// --stats_in.
//
// A block's input is what the entries have made of the blocks before it, up to the pass of the last
// entry that reads data. So all entries up to that one have to be the same. The last one decides
// about the passes only by what it watches and by how its linears compute while they are watched;
// what it makes of the statistics comes behind its pass, and no later pass sees it. There may
// differ
//
//   iter_smooth, smooth_quant  alpha, scale_min, symmetric
//   flex_awq_ssz               qconfig
//   awq                        weight_qconfig, n_grid
//   kv_smooth                  smooth_factor
//   linear_quant with gptq     the weight's qconfig (without quantized_inputs; activations float
//                              or int8)
//
// and any entry behind it, which reads no data. Rotations, which rewrite the embedding before
// everything else, have to be the same wherever they stand. modelslim_v0 has to be the same as a
// whole.

#include <string>

#include "recipe/plan.h"

namespace msmodelslim {

// Why nothing that `plan` gathers can be kept; "" when it can.
std::string reason_not_kept(const Plan& plan);

// What differs, such as "entry 2 (linear_quant) differs"; "" when both gather the same. Neither has
// a reason_not_kept().
std::string statistics_difference(const Plan& a, const Plan& b);

}  // namespace msmodelslim
