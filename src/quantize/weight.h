#pragma once
// Weight quantizers: fp32 [out, in] -> codes, and a scale for each output channel or for each group
// of its columns.

#include <optional>
#include <string>

#include "quantize/quantized_linear.h"

namespace msmodelslim {

struct WeightConfig {
  int bits = 8;
  // minmax, ssz; gptq: see gptq.h; hqq, co_sparse, lowbit, two_level: see closed_weight.h
  std::string method = "minmax";
  int steps = 50;  // ssz: iterations
  DType scale_dtype = DType::kF32;
  bool symmetric = true;          // minmax, gptq; the others always are
  std::int64_t group_size = 0;    // minmax, gptq: columns that share a scale; 0: the whole row
  std::int64_t dual_block = 512;  // dualscale: columns of an outer block
  double ceil_x = 7.25;           // ceil_x: the divisor, or the range to search it in
  bool ceil_search = false;
  double ceil_min = 6;
  double ceil_max = 12;
  double ceil_step = 0.25;
  bool per_tensor = false;                  // minmax, co_sparse, lowbit: one scale for all rows
  double fraction = 0.01;                   // co_sparse, lowbit: share of the outliers
  std::optional<double> sigma_factor = {};  // lowbit: outliers by deviation instead
  double percdamp = 0.01;                   // gptq: share of the mean diagonal added to the Hessian
  std::int64_t block_size = 128;            // gptq: columns between two corrections of the rest
  bool act_order = false;                   // gptq: columns by falling diagonal of the Hessian
  int refine_sweeps = 0;                    // gptq: of coordinate descent behind it
  bool scale_search = false;  // gptq: scales by least weighted error, not by min and max
};

// Where the rows come from: the checkpoint's bytes, or fp32 values after a rewrite.
class WeightRows {
 public:
  explicit WeightRows(Linear& linear);
  // fp32 values.
  explicit WeightRows(const TensorView& values) : source_(values), f32_(values.as<float>()) {}
  std::int64_t rows() const { return source_.shape()[0]; }
  std::int64_t width() const { return source_.shape()[1]; }
  // fp32 row i; `buffer` [width] is used when the source is not fp32.
  const float* row(std::int64_t i, float* buffer) const;

 private:
  WeightSource source_;
  const float* f32_ = nullptr;  // the values, where they lie in memory as such
};

// Fills codes and weight_scale (weight_offset) of `out`. Throws DataError naming the linear for NaN
// or infinite weights. Data-free; all threads; rows are independent.
//
// minmax: scale and offset of the smallest and largest value of the row or group, see int8.h.
// ssz: see ssz.h.
void quantize_weight(const WeightConfig& config, const WeightRows& weight, QuantizedLinear& out);

// Codes of `count` values with one scale, see int8.h. Calling thread only.
void encode(const float* row, QuantParam param, int bits, std::int8_t* codes, std::int64_t count);

}  // namespace msmodelslim
