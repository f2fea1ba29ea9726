#pragma once
// Coordinate descent on codes that are good already (Behdin et al., "QuantEase", 2023): one code
// after the other becomes the best one for what all the others leave.
//
//   min tr(E H E^T),  E = W - DQ(q),  g = E H:    c_j <- round(c_j + g_j / (s H[j,j]))
//
// With one scale a row it is fitted before each sweep: s <- (c H w) / (c H c), c = q - offset.
// No step raises the error. A row ends early when nothing changes.

#include <cstdint>

#include "quantize/int8.h"

namespace msmodelslim {

struct RefineJob {
  std::int64_t rows = 0;           // of the weight
  std::int64_t width = 0;          // its inputs
  std::int64_t group = 0;          // columns that share a scale
  const float* target = nullptr;   // W [rows, width]
  const float* hessian = nullptr;  // H [width, width], damped
  float low = 0;                   // range of the codes
  float high = 0;
  DType scale_dtype = DType::kF32;
  int sweeps = 0;
  std::int8_t* codes = nullptr;  // [rows, width], in and out
  QuantParam* params = nullptr;  // [rows, width / group], in and out
};

// All threads; rows are independent.
void refine_codes(const RefineJob& job);

}  // namespace msmodelslim
