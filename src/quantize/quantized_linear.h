#pragma once
// The one intermediate form of a quantized linear: every quantizer makes it, every saver and
// evaluator takes it.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/ascendv1.h"
#include "forward/context.h"
#include "quantize/int8.h"
#include "quantize/low_rank.h"
#include "tensor/tensor.h"

namespace msmodelslim {

struct QuantizedLinear {
  LinearSpec spec;
  LinearType type = LinearType::kW8A8Dynamic;
  // Integer types: I8 [out, in], one code a byte. W16A16S: the values, in the source's dtype.
  // Floating-point formats: as on disk, see ascendv1.h.
  Tensor codes;
  std::int64_t group_size = 0;       // columns that share a scale; 0: the whole row
  std::vector<float> weight_scale;   // [out, groups]
  std::vector<float> weight_offset;  // [out, groups] or empty (zeros)
  bool tensor_scale = false;         // all rows share one scale
  bool half_scale = false;           // scales and offsets are stored in half precision
  // Two levels: weight_scale is their product. [out] and [out, groups], or empty.
  std::vector<float> row_scale;
  std::vector<float> group_scale;
  std::vector<std::uint8_t> exponents;  // MX types: [out, blocks of 32], exponent + 127
  std::int64_t dual_block = 0;          // W4A4_MXFP4_DUALSCALE: columns of an outer block
  std::vector<float> dual_scale;        // [out, outer blocks]
  QuantParam input;                     // W8A8, W8A8S and W8A8_MIX
  bool input_symmetric = false;         // its offset is zero by rule, not by chance
  std::vector<float> bias;              // [out] or empty
  LowRank low_rank;                     // what the codes do not hold, see svd_res
  InputRotation input_rotation;         // what the engine does to the input first

  std::int64_t groups() const { return group_size > 0 ? spec.in / group_size : 1; }
  // How activations are quantized; W8A8_MIX knows both ways and counts as dynamic.
  bool static_input() const { return type == LinearType::kW8A8 || type == LinearType::kW8A8S; }
  bool weight_only() const {
    return type == LinearType::kW8A16 || type == LinearType::kW4A16 || type == LinearType::kW16A16S;
  }
  bool dynamic_input() const { return !static_input() && !weight_only(); }
  bool has_input_param() const { return static_input() || type == LinearType::kW8A8Mix; }
};

// What the codes stand for, fp32 [out, in]: (q - o) * s, or v * 2^e (* dual scale). Without the
// low-rank branch.
void dequantize_weight(const QuantizedLinear& linear, float* out);
void dequantize_weight_row(const QuantizedLinear& linear, std::int64_t row, float* out);  // [in]

}  // namespace msmodelslim
