#pragma once
// Experts that lie in one tensor per projection, shown as linears of their own (reference: models
// 2.9, 2.13, 3.3):
//
//   X.experts.gate_up_proj, X.experts.down_proj   ->   X.experts.E.{gate,up,down}_proj.weight
//
//   Qwen3.5        [E, 2 inner, hidden], gate rows first    [E, hidden, inner]; so does
//   transformers 5
//                  write other families
//   Qwen3-VL       [E, hidden, 2 inner], gate columns first [E, inner, hidden]
//   GPT-OSS        [E, hidden, 2 inner], columns gate, up, gate ...   [E, inner, hidden]
//                  with gate_up_proj_bias [E, 2 inner] and down_proj_bias [E, hidden]
//   GPT-OSS, mxfp4 X_blocks U8 [E, rows, columns / 32, 16], X_scales U8 [E, rows, columns / 32];
//                  rows are outputs, of gate_up_proj gate, up, gate ...
//   Step-3.5       X.moe.{gate,up,down}_proj.weight [E, out, in]
//                  ->   X.moe.experts.E.{gate,up,down}_proj.weight

#include <cstdint>
#include <string>

#include "checkpoint/reader.h"

namespace msmodelslim {

// Whether a tensor is one of those, in a model of a family that has them. `model_type` is that of
// the text model.
bool is_fused_expert(const std::string& name, const std::string& model_type);

// "X.moe.up_proj" of Step-3.5, expert 3 -> "X.moe.experts.3.up_proj.weight".
std::string stacked_expert(const std::string& linear, std::int64_t expert);

// Adds the linears to `found`; those of Step-3.5 in FP8 are not among them. `hidden`: of the text
// model, 0 when it is not known; it tells the two orders of rows and columns apart, else the family
// does, and families that are not named above need it. Throws DataError for shapes that do not fit.
void find_fused_experts(const CheckpointReader& reader, const std::string& model_type,
                        std::int64_t hidden, CodedTensors& found);

}  // namespace msmodelslim
