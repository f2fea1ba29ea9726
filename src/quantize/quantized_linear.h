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
#include "tensor/tensor.h"

namespace msmodelslim {

struct QuantizedLinear {
  LinearSpec spec;
  LinearType type = LinearType::kW8A8Dynamic;
  Tensor codes;                      // I8 [out, in], one code a byte
  std::int64_t group_size = 0;       // columns that share a scale; 0: the whole row
  std::vector<float> weight_scale;   // [out, groups]
  std::vector<float> weight_offset;  // [out, groups] or empty (zeros)
  QuantParam input;                  // W8A8 and W8A8_MIX
  std::vector<float> bias;           // [out] or empty

  std::int64_t groups() const { return group_size > 0 ? spec.in / group_size : 1; }
  // How activations are quantized; W8A8_MIX knows both ways and counts as dynamic.
  bool static_input() const { return type == LinearType::kW8A8; }
  bool dynamic_input() const { return !static_input() && type != LinearType::kW8A16; }
  bool has_input_param() const { return static_input() || type == LinearType::kW8A8Mix; }
};

// (q - o) * s, fp32 [out, in].
void dequantize_weight(const QuantizedLinear& linear, float* out);

}  // namespace msmodelslim
