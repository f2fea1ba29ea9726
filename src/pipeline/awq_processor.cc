#include "pipeline/adapter.h"
#include "pipeline/processors.h"
#include "pipeline/rounding.h"
#include "pipeline/smooth_report.h"
#include "pipeline/zero_bias.h"
#include "suppress/awq.h"

namespace msmodelslim {
namespace {

class AwqProcessor : public Processor {
 public:
  AwqProcessor(const AwqStep& step, const Plan& plan, const ProcessorContext& context)
      : awq_(config_of(step, plan, context), *context.model),
        debug_(context.debug),
        v0_(plan.v0.has_value()) {}
  const char* name() const override { return "awq"; }
  bool needs_data() const override { return true; }
  Stream stream() const override { return v0_ ? Stream::kAnti : Stream::kQuantized; }
  void begin(ModelEnds& ends) override {
    if (v0_) add_zero_bias(ends.final_norm);
  }
  std::vector<Tap*> prepare(BlockState& state) override {
    return awq_.prepare(*state.block, *state.samples);
  }
  void finish(BlockState& state) override {
    for (const SmoothResult& result : awq_.finish())
      report_smoothing(name(), result, state, debug_);
    if (v0_) add_zero_biases(*state.block);
  }

 private:
  static AwqConfig config_of(const AwqStep& step, const Plan& plan,
                             const ProcessorContext& context) {
    AwqConfig config;
    config.n_grid = step.n_grid;
    config.search_rows = step.search_rows;
    config.round_weight = make_round_weight(step.weight, context.model->dtype);
    config.kinds = enabled_subgraphs(step.subgraph_types, declared_awq_subgraphs(context.pedigree));
    config.skip = step.skip;
    config.v0 = plan.v0.has_value();
    config.selects = [filter = step.filter](const std::string& source) {
      return filter.selects(source);
    };
    return config;
  }

  Awq awq_;
  DebugInfo* debug_;
  bool v0_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const AwqStep& step, const Plan& plan,
                                          const ProcessorContext& context) {
  return std::make_unique<AwqProcessor>(step, plan, context);
}

}  // namespace msmodelslim
