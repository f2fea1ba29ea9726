#pragma once
// Compares two quantized folders tensor by tensor, as the golden set's README asks.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/ascendv1.h"
#include "checkpoint/safetensors.h"

namespace msmodelslim {

struct Tolerance {
  double code_share = 0;        // share of int8 / int4 codes of one tensor that may differ
  int code_step = 1;            // by how much
  double quant_bias_share = 0;  // share of quant_bias entries that may differ
  double quant_bias_rel = 0;    // by how much, relative to the tensor's largest
  double scale = 0;             // relative error of scales, biases, norms
  double scale_share = 0;       // share of their elements that may be further off
  double scale_bias = 1e-5;     // relative error of W4A8's sums, which cancel
  double offset_steps = 0;      // input_offset and kv_cache_offset, absolute
  double kv_scale = 0;          // relative error of kv_cache_scale, if above `scale`
  bool weight_offset = true;    // whether weight_offset is compared
  std::string one_too_many;     // tensors from which the tool did not take 1 off
  std::string only = "*";       // values of tensors with such names only
  bool input_range = true;      // whether input_scale, input_offset and what they decide is
  double zero_code = 0;         // the expected code that stands for 0 where ours is 0
};

// All tensors of the *.safetensors files of a folder.
class QuantizedFolder {
 public:
  explicit QuantizedFolder(const std::string& path);
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const TensorView& at(const std::string& name) const { return tensors_.at(name); }
  void add(const std::string& name, const TensorView& view) { tensors_[name] = view; }

 private:
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, TensorView> tensors_;
};

// W4A8's two output rows a byte -> int8 codes, one a byte.
Tensor unpack_rows(const TensorView& packed);
// The values of a deq_scale tensor, which may be fp32 bits in int64.
std::vector<double> deq_scales(const TensorView& view);

// Problems, empty when within tolerance. `model`: the source folder, for tensors that
// expected/stripped.json lists.
std::vector<std::string> compare_folders(const std::string& expected, const std::string& actual,
                                         const std::string& model, const Tolerance& tolerance);

// The same against a run on a real model, which is kept as `small.safetensors` (some tensors) and
// `tensors.json` (type, shape and sum of each). Tensors that only have a sum: codes may move it by
// code_share of their count, floats by `scale` of their absolute sum.
std::vector<std::string> compare_with_digest(const std::string& expected, const std::string& actual,
                                             const Tolerance& tolerance);

}  // namespace msmodelslim
