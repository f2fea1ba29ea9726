#include "pipeline/processor.h"

#include <algorithm>

#include "pipeline/processors.h"

namespace msmodelslim {

bool ProcessorContext::excludes(const std::string& name) const {
  return std::any_of(exclude.begin(), exclude.end(),
                     [&](const Glob& glob) { return glob.matches(name); });
}

void ModelEnds::rewrite_states(const ModelSpec& model, float* states, std::int64_t rows) const {
  for (const Rewrite& rewrite : embedding) {
    if (!model.head_hyper) {
      rewrite(states, rows);
      continue;
    }
    // The streams of a row lie one behind the other.
    for (std::int64_t r = 0; r < rows; ++r)
      rewrite(states + r * model.stream, model.head_hyper->copies);
  }
}

std::shared_ptr<const Hyper> ModelEnds::head_hyper(const ModelSpec& model,
                                                   const CheckpointReader& checkpoint) const {
  if (!model.head_hyper) return nullptr;
  auto hyper = std::make_shared<Hyper>(*model.head_hyper, checkpoint);
  const std::int64_t copies = hyper->spec.copies;
  for (const Rewrite& rewrite : embedding) rewrite(hyper->fn.data(), copies * copies);
  return hyper;
}

std::unique_ptr<Processor> make_processor(const Step& step, const Plan& plan,
                                          const ProcessorContext& context) {
  return std::visit([&](const auto& value) { return make_processor(value, plan, context); },
                    step.value);
}

}  // namespace msmodelslim
