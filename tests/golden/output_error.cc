#include "golden/output_error.h"

#include <filesystem>
#include <memory>

#include "checkpoint/ascendv1.h"
#include "forward/run.h"
#include "golden/compare.h"
#include "model/build.h"
#include "quantize/quantized_linear.h"

namespace msmodelslim {
namespace {

// Sums X^T X of every linear.
class InputTap : public Tap {
 public:
  bool wants(const Linear&) const override { return true; }
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>&) override {
    const auto k = static_cast<std::size_t>(linear.spec().in);
    std::vector<double>& sums = sums_[linear.name()];
    sums.resize(k * k);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::size_t i = 0; i < k; ++i)
        for (std::size_t j = 0; j < k; ++j)
          sums[i * k + j] +=
              static_cast<double>(x[r * linear.spec().in + static_cast<std::int64_t>(i)]) *
              static_cast<double>(x[r * linear.spec().in + static_cast<std::int64_t>(j)]);
  }
  const std::vector<double>& sums(const std::string& name) const { return sums_.at(name); }

 private:
  std::map<std::string, std::vector<double>> sums_;
};

std::vector<float> floats(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  to_f32(view, values.data());
  return values;
}

// Two columns a byte, the even one low.
Tensor unpack_columns(const TensorView& packed) {
  Tensor codes(DType::kI8, {packed.shape[0], 2 * packed.shape[1]});
  auto* to = codes.as<std::int8_t>();
  for (std::int64_t i = 0; i < packed.count(); ++i) {
    const std::int8_t byte = packed.as<std::int8_t>()[i];
    to[2 * i] = static_cast<std::int8_t>(static_cast<std::int8_t>(byte << 4) >> 4);
    to[2 * i + 1] = static_cast<std::int8_t>(byte >> 4);
  }
  return codes;
}

QuantizedLinear read_linear(const QuantizedFolder& folder, const LinearSpec& spec,
                            LinearType type) {
  const auto at = [&](const char* suffix) { return folder.at(spec.name + "." + suffix); };
  QuantizedLinear linear;
  linear.spec = spec;
  linear.type = type;
  const bool packed = type == LinearType::kW4A8Dynamic || type == LinearType::kW4A16;
  const bool columns = packed && at("weight").shape[0] == spec.out;
  linear.codes = columns  ? unpack_columns(at("weight"))
                 : packed ? unpack_rows(at("weight"))
                          : Tensor::copy_of(at("weight"));
  if (type == LinearType::kW8A8) {
    const float input_scale = floats(at("input_scale"))[0];
    for (double deq : deq_scales(at("deq_scale")))
      linear.weight_scale.push_back(static_cast<float>(deq) / input_scale);
    return linear;
  }
  if (is_mx(type)) {
    const auto* exponents = at("weight_scale").as<std::uint8_t>();
    linear.exponents.assign(exponents, exponents + at("weight_scale").count());
    return linear;
  }
  linear.weight_scale = floats(at("weight_scale"));
  linear.weight_offset = floats(at("weight_offset"));
  const std::int64_t groups = at("weight_scale").shape[1];
  if (groups > 1) linear.group_size = spec.in / groups;
  return linear;
}

// weight += L2 L1 of a linear that has a low-rank branch.
void add_branch(const QuantizedFolder& folder, const LinearSpec& spec, std::vector<float>& weight) {
  const auto l1 = folder.tensors().find(spec.name + "." + kLowRank1);
  if (l1 == folder.tensors().end()) return;
  const std::vector<float> right = floats(l1->second);
  const std::vector<float> left = floats(folder.at(spec.name + "." + kLowRank2));
  const auto rank = static_cast<std::size_t>(l1->second.shape[0]);
  const auto k = static_cast<std::size_t>(spec.in);
  for (std::size_t i = 0; i < weight.size(); ++i)
    for (std::size_t r = 0; r < rank; ++r)
      weight[i] += left[i / k * rank + r] * right[r * k + i % k];
}

// Q - W, [out, in]; empty for a linear that stays float.
std::vector<float> difference(const QuantizedFolder& folder, const Json& types, Linear& linear) {
  const auto type =
      linear_type_from_name(without_svd(types.at(linear.name() + ".weight").get<std::string>()));
  if (!type || *type == LinearType::kFloat) return {};
  std::vector<float> e(static_cast<std::size_t>(linear.spec().out * linear.spec().in));
  dequantize_weight(read_linear(folder, linear.spec(), *type), e.data());
  add_branch(folder, linear.spec(), e);
  for (std::size_t i = 0; i < e.size(); ++i) e[i] -= linear.weight()[i];
  return e;
}

}  // namespace

std::map<std::string, double> output_errors(const std::string& folder, const std::string& model,
                                            const std::vector<std::vector<std::int32_t>>& samples) {
  const CheckpointReader checkpoint(model);
  const ModelSpec spec = build_model_spec(ModelConfig::read(model), checkpoint);
  const Json types = read_description(folder);
  const QuantizedFolder quantized(folder);
  PackedStates states = embed_samples(spec, checkpoint, samples);
  std::int64_t longest = 1;
  for (const Sequence& s : states.sequences) longest = std::max(longest, s.rows);
  const RopeTable rope(spec.rope, longest);
  Workspace workspace;
  std::map<std::string, double> errors;
  for (const BlockSpec& block_spec : spec.blocks) {
    Block block(block_spec, checkpoint);
    InputTap tap;
    FloatLinearOp op(DType::kF32);
    run_block_on(spec, block, states, true, rope, op, {&tap}, workspace);
    for (Linear* linear : block.linears()) {
      const std::vector<float> e = difference(quantized, types, *linear);
      if (e.empty()) continue;
      const auto k = static_cast<std::size_t>(linear->spec().in);
      const std::vector<double>& h = tap.sums(linear->name());
      double error = 0;
      for (std::size_t row = 0; row < e.size(); row += k)
        for (std::size_t i = 0; i < k; ++i)
          for (std::size_t j = 0; j < k; ++j)
            error +=
                static_cast<double>(e[row + i]) * h[i * k + j] * static_cast<double>(e[row + j]);
      errors[linear->name()] = error;
    }
  }
  return errors;
}

std::map<std::string, double> weight_errors(const std::string& folder, const std::string& model) {
  const CheckpointReader checkpoint(model);
  const ModelSpec spec = build_model_spec(ModelConfig::read(model), checkpoint);
  const Json types = read_description(folder);
  const QuantizedFolder quantized(folder);
  std::map<std::string, double> errors;
  for (const BlockSpec& block_spec : spec.blocks) {
    Block block(block_spec, checkpoint);
    for (Linear* linear : block.linears())
      for (float d : difference(quantized, types, *linear))
        errors[linear->name()] += static_cast<double>(d) * static_cast<double>(d);
  }
  return errors;
}

}  // namespace msmodelslim
