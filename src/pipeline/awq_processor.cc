#include "pipeline/adapter.h"
#include "pipeline/processors.h"
#include "pipeline/rounding.h"
#include "pipeline/smooth_report.h"
#include "suppress/awq.h"

namespace msmodelslim {
namespace {

class AwqProcessor : public Processor {
 public:
  AwqProcessor(const AwqStep& step, const ProcessorContext& context)
      : awq_(config_of(step, context), *context.model), debug_(context.debug) {}
  const char* name() const override { return "awq"; }
  bool needs_data() const override { return true; }
  std::vector<Tap*> prepare(BlockState& state) override {
    return awq_.prepare(*state.block, *state.samples);
  }
  void finish(BlockState& state) override {
    for (const SmoothResult& result : awq_.finish())
      report_smoothing(name(), result, state, debug_);
  }

 private:
  static AwqConfig config_of(const AwqStep& step, const ProcessorContext& context) {
    AwqConfig config;
    config.n_grid = step.n_grid;
    config.search_rows = step.search_rows;
    config.round_weight = make_round_weight(step.weight, context.model->dtype);
    config.kinds = enabled_subgraphs(step.subgraph_types, declared_awq_subgraphs(context.pedigree));
    config.selects = [filter = step.filter](const std::string& source) {
      return filter.selects(source);
    };
    return config;
  }

  Awq awq_;
  DebugInfo* debug_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const AwqStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<AwqProcessor>(step, context);
}

}  // namespace msmodelslim
