#include "base/error.h"
#include "observe/kv_tap.h"
#include "pipeline/processors.h"
#include "suppress/kv_smooth.h"

namespace msmodelslim {
namespace {

class KvSmoothProcessor : public Processor {
 public:
  KvSmoothProcessor(const KvSmoothStep& step, const ProcessorContext& context)
      : filter_(step.filter), factor_(step.factor), model_(*context.model), debug_(context.debug) {}
  const char* name() const override { return "kv_smooth"; }
  bool needs_data() const override { return true; }

  std::vector<Tap*> prepare(BlockState& state) override {
    tap_.reset();
    const BlockSpec& spec = *state.block->spec;
    if (!spec.has_keys() || !filter_.selects(spec.attention_name())) return {};
    tap_ = std::make_unique<KvTap>(KvAggregation::kMax);
    return {tap_.get()};
  }

  void finish(BlockState& state) override {
    if (!tap_) return;
    const std::string attention = state.block->spec->attention_name();
    if (!tap_->seen())
      throw DataError(fmt::format("{}: no calibration token reached it", attention),
                      "use a larger calibration set");
    if (!tap_->finite())
      throw DataError(fmt::format("{}: its keys have NaN or infinite values", attention),
                      "a weight before it is damaged, or the model overflows; check the "
                      "checkpoint");
    const BlockSpec& spec = *state.block->spec;
    const KeyShape shape = {spec.heads, model_.kv_heads, model_.head_dim,
                            model_.rope.dim_of(spec.window > 0) / 2};
    const std::vector<float> scales =
        key_scales(tap_->keys(), shape, factor_, state.block->k_norm != nullptr);
    smooth_keys(*state.block, shape, scales);
    if (debug_ != nullptr)
      debug_->add(name(), {{"target", attention}, {"smooth_factor", factor_}}, "scales", scales);
    tap_.reset();
  }

 private:
  NameFilter filter_;
  double factor_;
  const ModelSpec& model_;
  DebugInfo* debug_;
  std::unique_ptr<KvTap> tap_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const KvSmoothStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<KvSmoothProcessor>(step, context);
}

}  // namespace msmodelslim
