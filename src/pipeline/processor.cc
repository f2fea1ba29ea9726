#include "pipeline/processor.h"

#include "pipeline/processors.h"

namespace msmodelslim {

std::unique_ptr<Processor> make_processor(const Step& step, const Plan& plan,
                                          const ProcessorContext& context) {
  return std::visit([&](const auto& value) { return make_processor(value, plan, context); },
                    step.value);
}

}  // namespace msmodelslim
