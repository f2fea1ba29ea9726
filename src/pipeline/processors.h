#pragma once
// One maker per kind of recipe entry; each is in the file of its processor.

#include <memory>

#include "pipeline/processor.h"

namespace msmodelslim {

std::unique_ptr<Processor> make_processor(const LinearQuantStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const SmoothStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const QuaRotStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const SvdResidualStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const FloatSparseStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const DynamicCacheStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const KvSmoothStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const Fa3QuantStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const AutoroundStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const FlatQuantStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const AwqStep& step, const Plan& plan,
                                          const ProcessorContext& context);
std::unique_ptr<Processor> make_processor(const GroupStep& step, const Plan& plan,
                                          const ProcessorContext& context);

}  // namespace msmodelslim
