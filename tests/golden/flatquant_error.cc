#include "golden/flatquant_error.h"

#include <algorithm>
#include <cmath>

#include "base/files.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "forward/run.h"
#include "golden/compare.h"
#include "kernels/small_matrix.h"
#include "model/build.h"
#include "quantize/flat_clip.h"
#include "runtime/engine_op.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

std::vector<float> floats(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  to_f32(view, values.data());
  return values;
}

class BlockOp : public LinearOp {
 public:
  BlockOp(const ModelSpec& model, const CheckpointReader& folder)
      : types_(read_description(folder.folder())), engine_(model, folder, DType::kF32) {}

  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override {
    if (types_.at(linear.name() + ".weight") != "FLOAT_FLATQUANT") {
      engine_.apply(linear, x, rows, sequences, y);
      return;
    }
    const LinearSpec& spec = linear.spec();
    std::vector<float> input(static_cast<std::size_t>(rows * spec.in));
    for (std::int64_t r = 0; r < rows; ++r)
      fake_int4_row(x + r * spec.in, linear.input_rotation().clip_ratio, 0.0F,
                    input.data() + r * spec.in, spec.in);
    std::vector<float> weight(static_cast<std::size_t>(spec.out * spec.in));
    for (std::int64_t i = 0; i < spec.out; ++i)
      fake_int4_row(linear.weight() + i * spec.in, 1.0F, 1e-5F, weight.data() + i * spec.in,
                    spec.in);
    ProductWeight(std::move(weight), spec.out, spec.in, DType::kF32)
        .multiply(input.data(), rows, linear.bias().empty() ? nullptr : linear.bias().data(), y);
  }

 private:
  Json types_;
  EngineOp engine_;
};

}  // namespace

std::string whole_copy(const std::string& expected, const std::string& model) {
  const std::string copy = temp_path("whole");
  fs::remove_all(copy);
  fs::create_directories(copy);
  for (const char* file : {"config.json", "quant_model_description.json"})
    fs::copy(expected + "/" + file, copy + "/" + file);
  const QuantizedFolder folder(expected);
  const CheckpointReader source(model);
  std::vector<NamedTensor> tensors;
  for (const auto& [name, view] : folder.tensors()) tensors.push_back({name, view});
  const Json stripped = read_json_file(expected + "/stripped.json");
  for (const auto& [file, entries] : stripped.items())
    for (const auto& [name, value] : entries.items())
      tensors.push_back({name, source.at(value.at("source").get<std::string>())});
  write_safetensors(copy + "/model.safetensors", tensors);
  return copy;
}

double transform_skew(const std::string& folder) {
  const CheckpointReader checkpoint(folder);
  double sum = 0;
  int matrices = 0;
  for (const std::string& name : checkpoint.names()) {
    if (!name.ends_with(kLeftTrans) && !name.ends_with(kRightTrans)) continue;
    const TensorView view = checkpoint.at(name);
    const std::int64_t n = view.shape.at(0);
    const std::vector<float> values = floats(view);
    const SmallMatrix matrix(values.begin(), values.end());
    const SmallMatrix squared = product(transposed(matrix, n), matrix, n);
    const SmallMatrix one = identity_matrix(n);
    double largest = 0;
    for (std::size_t i = 0; i < one.size(); ++i)
      largest = std::max(largest, std::fabs(squared[i] - one[i]));
    sum += largest;
    ++matrices;
  }
  return sum / matrices;
}

std::vector<double> block_errors(const std::string& folder, const std::string& model,
                                 const std::vector<std::vector<std::int32_t>>& samples) {
  const CheckpointReader source(model);
  const CheckpointReader quantized(folder);
  const ModelSpec spec = build_model_spec(ModelConfig::read(model), source);
  PackedStates states = embed_samples(spec, source, samples);
  std::int64_t longest = 1;
  for (const Sequence& s : states.sequences) longest = std::max(longest, s.rows);
  const RopeTable rope(spec.rope, longest);
  Workspace workspace;
  std::vector<double> errors;
  for (const BlockSpec& block_spec : spec.blocks) {
    PackedStates outputs = states;
    Block block(block_spec, quantized);
    BlockOp op(spec, quantized);
    run_block_on(spec, block, outputs, true, rope, op, {}, workspace);
    Block original(block_spec, source);
    FloatLinearOp float_op(DType::kF32);
    run_block_on(spec, original, states, true, rope, float_op, {}, workspace);
    double sum = 0;
    for (std::size_t i = 0; i < states.values.size(); ++i) {
      const double e =
          static_cast<double>(states.values[i]) - static_cast<double>(outputs.values[i]);
      sum += e * e;
    }
    errors.push_back(sum / static_cast<double>(states.values.size()));
  }
  return errors;
}

}  // namespace msmodelslim
