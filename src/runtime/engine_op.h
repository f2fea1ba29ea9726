#pragma once
// Linears of an AscendV1 or compressed-tensors folder, computed as the engine does it: from the
// folder's own tensors alone.
//
//   W8A8          xq = clamp(rne(x / sx + ox));  y = (xq q^T + quant_bias) * deq_scale
//   W8A8_MIX      as W8A8_DYNAMIC (prefill)
//   W8A8_DYNAMIC  sx = max|row| / 127;  y = (xq q^T) * sx * sw + bias
//   W4A8_DYNAMIC  the same with int4 q;  W4A4_DYNAMIC: xq too is int4, sx = max|row| / 7
//   W8A16         y = x ((q - o) sw)^T + bias
//   fp8, MX       both sides rounded to their formats, the product in fp32
//   W16A16S       as FLOAT
//   X_SVD         as X, then y += (x l1^T) l2^T
//   X_FLATQUANT   as X, of the transformed x (forward/input_rotation.h); int4: sx is clip_ratio
//                 max|row| / 7, the other types do not use clip_ratio (aclnnFlatQuant of CANN)
// sx (static) and sw are rounded to the model's dtype first, as engines register them, and linears
// that an engine fuses (q/k/v, gate/up) share one input scale and offset: those of the last one
// loaded. Products are exact int32. Source: formats reference 6.4, 6.5.
//
// compressed-tensors (vLLM): the same arithmetic, except that a static linear has its zero point
// and float bias apart:  y = (xq q^T - zp sum(q)) * sx * sw + bias;  sx is kept in fp32.

#include <map>
#include <string>
#include <vector>

#include "checkpoint/ascendv1.h"
#include "checkpoint/compressed_config.h"
#include "forward/context.h"
#include "quantize/dynamic_product.h"
#include "quantize/quantized_linear.h"

namespace msmodelslim {

class EngineOp : public LinearOp {
 public:
  // `checkpoint` is the quantized folder and must outlive the object. Throws DataError when a
  // linear lacks a tensor of its type.
  EngineOp(const ModelSpec& model, const CheckpointReader& checkpoint, DType compute_dtype);
  // Whether the folder is one of those that this class computes.
  static bool is_quantized(const std::string& folder);
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override;
  // Linears of per-token types share the codes of x.
  void apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                  const std::vector<Sequence>& sequences) override;

 private:
  struct Entry {
    LinearType type = LinearType::kFloat;
    const std::int8_t* codes = nullptr;  // [out, in]
    Tensor unpacked;                     // packed codes, one a byte
    CodeWeight weight;                   // of types with integer products
    QuantizedLinear float_format;        // fp8 and MX types
    LowRank low_rank;
    std::int64_t groups = 1;           // of columns that share a weight scale
    std::vector<float> weight_scale;   // [out, groups]
    std::vector<float> weight_offset;  // [out, groups]; W8A16, types in groups, W4A4 if not 0
    std::vector<float> deq_scale;      // [out], W8A8
    std::vector<std::int32_t> quant_bias;
    std::vector<float> bias;  // [out], W8A8 of compressed-tensors
    float input_scale = 1;
    float input_offset = 0;
  };
  void load_ascendv1(const ModelSpec& model);
  void load(const LinearSpec& spec, LinearType type);
  // engine_compressed.cc
  void load_compressed(const ModelSpec& model);
  Entry compressed_entry(const LinearSpec& spec, const CompressedScheme& scheme) const;
  void share_inputs(const std::vector<const LinearSpec*>& fused);
  void load_second_level(const LinearSpec& spec, Entry& entry);
  static DynamicProduct dynamic_product(const Entry& entry, const Linear& linear, float* y);
  static bool has_integer_product(const Entry& entry);
  // Makes the codes ready for integer products.
  void prepare_products(const ModelSpec& model);
  void load_low_rank(const LinearSpec& spec);
  void load_float_format(const LinearSpec& spec, Entry& entry);
  void apply_float_format(const Entry& entry, const Linear& linear, const float* x,
                          std::int64_t rows, float* y);
  void apply_static(const Entry& entry, const Linear& linear, const float* x, std::int64_t rows,
                    float* y);
  void apply_dynamic(const Entry& entry, const Linear& linear, const float* x, std::int64_t rows,
                     float* y);
  // y = x w^T + bias of w = (q - offset) * scale. More than kFewRows: x and w rounded to `compute`,
  // as engines do that dequantize first.
  static void multiply_dequantized(const Entry& entry, const Linear& linear, DType compute,
                                   const float* x, std::int64_t rows, float* y);
  // of a w whose row `fill(row, to)` writes
  static void multiply_filled(const Linear& linear, DType compute,
                              const std::function<void(std::int64_t, float*)>& fill, const float* x,
                              std::int64_t rows, float* y);
  void apply_weight_only(const Entry& entry, const Linear& linear, const float* x,
                         std::int64_t rows, float* y);

  const CheckpointReader& checkpoint_;
  DType model_dtype_;
  FloatLinearOp float_op_;
  std::map<std::string, Entry> entries_;
  HugeBuffer packed_;  // of entries' weights
  DynamicInput input_;
};

}  // namespace msmodelslim
