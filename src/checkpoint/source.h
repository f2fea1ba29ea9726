#pragma once
// Model folders whose weights are quantized already, read as if they were float (reference: models
// 3). Which tensors are codes shows in their names and dtypes; what config.json calls the method
// only decides what is refused.
//
//   X.weight F8_E4M3  with X.weight_scale_inv, X.weight_scale or X.scale: one scale per block (see
//                     weight_block_size), per row or for the tensor; U8 scales are exponents
//   X.weight I8       with X.weight_scale [rows, groups] (compressed-tensors), X.weight_zero_point;
//                     or with X.scale of exponents: two fp4 codes a byte, 32 columns a scale
//   X.weight U8       with X.weight_scale F8_E4M3 and X.weight_scale_2 (NVFP4 of ModelOpt): two fp4
//                     codes a byte
//   X.weight_packed   I32 with X.weight_scale [rows, groups], X.weight_shape and
//                     X.weight_zero_point
//   X.weight_packed   U8 with X.weight_scale F8_E4M3 and X.weight_global_scale (NVFP4), or with
//                     X.weight_scale U8 of exponents (MXFP4): two fp4 codes a byte
//
// Experts that lie in one tensor, in float or mxfp4, are shown as linears (fused_experts.h).
// Scales of inputs and of KV caches are dropped.

#include <optional>
#include <string>

#include "checkpoint/reader.h"

namespace msmodelslim {

// A folder that is to be quantized or run in float. DataError names a method that cannot be read,
// and what to do. `values`: the dtype of decoded weights, by default what config.json says.
CheckpointReader open_source(const std::string& folder, std::optional<DType> values = {});

}  // namespace msmodelslim
