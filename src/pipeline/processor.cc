#include "pipeline/processor.h"

#include <algorithm>

#include "pipeline/processors.h"

namespace msmodelslim {

bool ProcessorContext::excludes(const std::string& name) const {
  return std::any_of(exclude.begin(), exclude.end(),
                     [&](const Glob& glob) { return glob.matches(name); });
}

std::unique_ptr<Processor> make_processor(const Step& step, const Plan& plan,
                                          const ProcessorContext& context) {
  return std::visit([&](const auto& value) { return make_processor(value, plan, context); },
                    step.value);
}

}  // namespace msmodelslim
