#include <random>

#include "base/log.h"
#include "pipeline/processors.h"
#include "quantize/flatquant.h"

namespace msmodelslim {
namespace {

class FlatQuantProcessor : public Processor {
 public:
  FlatQuantProcessor(const FlatQuantStep& step, const ProcessorContext& context)
      : step_(step),
        context_(context),
        generator_(static_cast<std::mt19937::result_type>(context.seed)) {}
  const char* name() const override { return "flatquant"; }
  bool needs_data() const override { return true; }
  bool learns() const override { return !pairs_.empty(); }

  std::vector<Tap*> prepare(BlockState& state) override {
    pairs_ = flat_pairs(*context_.model, *state.block->spec, [&](const std::string& linear) {
      return step_.filter.selects(linear) && !context_.excludes(linear);
    });
    return {};
  }

  void learn(BlockState& state, const PackedStates& inputs, const PackedStates& outputs,
             const RopeTable& rope) override {
    FlatQuantJob job;
    job.data = {context_.model, state.block, &inputs, &outputs, &rope};
    job.pairs = &pairs_;
    job.done = &state.done;
    const FlatQuantResult result = learn_transforms(job, generator_);
    fold_transforms(result.transforms, context_.model->dtype, *state.block);
    report(state.block->spec->name, result);
  }

  void finish(BlockState&) override {}
  std::mt19937* generator() override { return &generator_; }

 private:
  void report(const std::string& block, const FlatQuantResult& result) const {
    log_info("quant",
             "{}: W4A4 loss {:.6g} at the start, {:.6g} after epoch {} of {}, which is kept", block,
             result.losses.front(), result.losses[static_cast<std::size_t>(result.best)],
             result.best, kFlatEpochs);
    if (context_.debug == nullptr) return;
    const std::vector<float> losses(result.losses.begin(), result.losses.end());
    context_.debug->add(name(), {{"block", block}, {"best_epoch", result.best}}, "losses", losses);
  }

  FlatQuantStep step_;
  ProcessorContext context_;
  std::mt19937 generator_;
  std::vector<FlatPair> pairs_;  // of the block at hand
};

}  // namespace

std::unique_ptr<Processor> make_processor(const FlatQuantStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<FlatQuantProcessor>(step, context);
}

}  // namespace msmodelslim
