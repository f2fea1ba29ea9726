#include "pipeline/head_quant.h"

#include "forward/statistics_reader.h"
#include "kernels/ops.h"
#include "pipeline/linear_config.h"

namespace msmodelslim {
namespace {

const LinearQuantStep* find(const std::vector<Step>& steps, const std::string& head) {
  for (const Step& step : steps) {
    const auto* linear = std::get_if<LinearQuantStep>(&step.value);
    if (linear != nullptr && linear->filter.selects(head)) return linear;
    if (const auto* group = std::get_if<GroupStep>(&step.value))
      if (const LinearQuantStep* found = find(group->steps, head)) return found;
  }
  return nullptr;
}

}  // namespace

const LinearQuantStep* head_step(const Plan& plan, const std::vector<std::string>& exclude,
                                 const ModelSpec& model) {
  if (!plan.v0 || plan.v0->disable_last_linear) return nullptr;
  if (NameFilter(exclude, {}, false).selects(model.head.name)) return nullptr;
  return find(plan.steps, model.head.name);
}

QuantizedLinear quantize_head(const LinearQuantStep& step, const Plan& plan, const ModelSpec& model,
                              const CheckpointReader& checkpoint, const PackedStates& states,
                              const GatheredView* given, GatheredBlock* gathered) {
  Head head(model, checkpoint);
  const LinearConfig config = linear_config_of(step, plan, model.dtype);
  const bool gptq = config.weight.method == "gptq";
  auto hessian = gptq ? std::make_shared<Hessian>(model.hidden) : nullptr;
  LinearQuantizer quantizer(config, head.linear(), hessian, gptq);
  std::vector<float> normed;
  for_each_chunk(states.sequences, states.chunk_rows,
                 [&](std::int64_t begin, std::int64_t rows, Context& context) {
                   normed.resize(static_cast<std::size_t>(rows * model.hidden));
                   head.normalize(states.values.data() + begin * states.width, rows, normed.data());
                   if (gptq) hessian->add(normed.data(), rows);
                   if (config.has_range()) quantizer.observe(normed.data(), context.sequences);
                 });
  if (given != nullptr && config.needs_data()) {
    StatisticsReader reader(head.linear());
    const auto pass = given->passes.find(0);
    if (pass == given->passes.end() || pass->second.size() != 1)
      reader.throw_wrong("no inputs of the head");
    reader.open(pass->second.front());
    quantizer.load(reader);
    reader.finish();
  }
  if (gathered != nullptr && config.needs_data()) {
    ByteWriter writer;
    quantizer.store(writer);
    gathered->passes[0] = {writer.take()};
  }
  return quantizer.finish();
}

Tensor dequantized_head(const QuantizedLinear& head) {
  Tensor weight = Tensor::uninitialized(DType::kF32, {head.spec.out, head.spec.in});
  dequantize_weight(head, weight.as<float>());
  return weight;
}

}  // namespace msmodelslim
