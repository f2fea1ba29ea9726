#include "pipeline/processors.h"

namespace msmodelslim {
namespace {

// Only says which linears get a branch: linear_quant makes it of the weight that it finds, so that
// entries between the two may still rewrite the block, and a linear that stays float stays whole.
class SvdResidualProcessor : public Processor {
 public:
  SvdResidualProcessor(const SvdResidualStep& step, const ProcessorContext& context)
      : step_(step), context_(context) {}
  const char* name() const override { return "svd_res"; }
  bool needs_data() const override { return false; }

  std::vector<Tap*> prepare(BlockState& state) override {
    for (Linear* linear : state.block->linears()) {
      const std::string& name = linear->name();
      if (state.done.count(name) > 0 || state.active.count(name) > 0) continue;
      if (!step_.filter.selects(name) || context_.excludes(name)) continue;
      state.low_rank[name] = step_.rank;
    }
    return {};
  }
  void finish(BlockState&) override {}

 private:
  SvdResidualStep step_;
  ProcessorContext context_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const SvdResidualStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<SvdResidualProcessor>(step, context);
}

}  // namespace msmodelslim
