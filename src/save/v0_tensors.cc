#include "save/v0_tensors.h"

#include "save/tensor_parts.h"

namespace msmodelslim {
namespace {

class V0Tensors {
 public:
  V0Tensors(QuantizedLinear linear, DType model_dtype, bool mindie)
      : linear_(std::move(linear)), dtype_(model_dtype), mindie_(mindie) {
    if (mindie_ && linear_.type == LinearType::kW8A8Mix) linear_.type = LinearType::kW8A8;
  }

  std::vector<OutputTensor> take() {
    const bool has_input = linear_.has_input_param();
    std::vector<float> deq;
    Tensor quant_bias;
    if (has_input) {
      deq = dequant_scale(linear_);
      quant_bias = quant_bias_tensor(linear_, deq);
    }
    const bool two_level = !linear_.row_scale.empty();
    Tensor scale_bias;
    if (two_level && !mindie_) scale_bias = scale_bias_tensor(linear_);
    add("weight", weight());
    if (!linear_.bias.empty()) {
      add("bias", values(linear_.bias, {linear_.spec.out}));
      out_.back().type = LinearType::kFloat;
    }
    if (linear_.type != LinearType::kW8A8S) add_scales();
    if (two_level) {
      const Shape shape = {linear_.spec.out, linear_.groups()};
      add("weight_scale_second", values(linear_.group_scale, shape));
      add("weight_offset_second", Tensor(DType::kI64, shape));
      if (!mindie_) add("scale_bias", std::move(scale_bias));
    }
    if (!has_input) return std::move(out_);
    add("input_scale", values({linear_.input.scale}, {1}));
    add("input_offset", values({linear_.input.offset}, {1}));
    add("quant_bias", std::move(quant_bias));
    if (linear_.tensor_scale) deq.resize(1);
    add("deq_scale", deq_scale_tensor(deq, dtype_));
    return std::move(out_);
  }

 private:
  void add(const char* suffix, Tensor tensor) {
    out_.push_back({linear_.spec.name + "." + suffix, std::move(tensor), linear_.type});
  }
  Tensor values(const std::vector<float>& from, Shape shape) const {
    return float_tensor(from, std::move(shape), dtype_);
  }

  Tensor weight() {
    const bool int4 =
        linear_.type == LinearType::kW4A16 || linear_.type == LinearType::kW4A8Dynamic;
    if (!int4 || mindie_) return std::move(linear_.codes);
    const bool columns = linear_.type == LinearType::kW4A16 && linear_.groups() == 1;
    return columns ? pack_columns(linear_) : pack_rows(linear_);
  }

  void add_scales() {
    const bool two_level = !linear_.row_scale.empty();
    std::vector<float> scale = two_level ? linear_.row_scale : linear_.weight_scale;
    std::vector<float> offset = linear_.weight_offset;
    Shape shape = {linear_.spec.out, two_level ? 1 : linear_.groups()};
    if (linear_.tensor_scale) {
      scale.resize(1);
      offset.resize(1);
      shape = {1};
    }
    if (offset.empty()) offset.resize(scale.size());
    const DType dtype = linear_.half_scale ? DType::kF16 : dtype_;
    add("weight_scale", float_tensor(scale, shape, dtype));
    add("weight_offset", float_tensor(offset, shape, dtype));
  }

  QuantizedLinear linear_;
  DType dtype_;
  bool mindie_;
  std::vector<OutputTensor> out_;
};

}  // namespace

std::vector<OutputTensor> v0_tensors(QuantizedLinear linear, DType model_dtype, bool mindie) {
  return V0Tensors(std::move(linear), model_dtype, mindie).take();
}

}  // namespace msmodelslim
