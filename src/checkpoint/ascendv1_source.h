#pragma once
// A folder of this program (AscendV1, V0 or V1) read as if it were float: every linear's weight is
// what its codes stand for. What the recipe did to the float model (smoothing, rotations of the
// residual stream) stays in the values.
//
//   W8A8, W8A8S            w = q * sw, sw = weight_scale or deq_scale / input_scale
//   others                 w = (q - weight_offset) * weight_scale, see checkpoint/ascendv1.h
//   two levels (V0 W4A8)   scale = weight_scale * weight_scale_second
//   _SVD                   w + svd_lowrank_l2 svd_lowrank_l1
//
// Tensors for engines alone (scales of inputs, of KV caches and of attention) are dropped.

#include <string>

#include "checkpoint/reader.h"

namespace msmodelslim {

// DataError for types whose float form needs more than the linear itself (_FLATQUANT, online
// rotations), for unknown types, and for tensors that do not fit their type.
CheckpointReader open_ascendv1_source(const std::string& folder, DType values);

}  // namespace msmodelslim
