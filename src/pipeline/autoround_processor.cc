#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "observe/ranges.h"
#include "pipeline/processors.h"
#include "quantize/autoround.h"

namespace msmodelslim {
namespace {

// One strategy, translated.
struct Strategy {
  NameFilter filter;
  bool keeps_float = false;
  LinearType type = LinearType::kFloat;
  bool static_input = false;  // a range is stored
  bool act_symmetric = true;
  LearnedRounding rounding;
};

DType scale_dtype_of(const QConfig& weight) {
  const std::string name = weight.ext.value("scale_dtype", "bfloat16");
  return name == "float32" ? DType::kF32 : name == "float16" ? DType::kF16 : DType::kBF16;
}

class AutoroundProcessor : public Processor {
 public:
  AutoroundProcessor(const AutoroundStep& step, const ProcessorContext& context)
      : step_(step), context_(context), order_(context.seed) {
    for (const LinearQuantStep& strategy : step.strategies)
      strategies_.push_back(translated(strategy));
  }
  const char* name() const override { return "autoround_quant"; }
  bool needs_data() const override { return true; }
  bool learns() const override { return !mine_.empty(); }
  bool learns_behind() const override { return step_.quantized_inputs; }
  std::mt19937* generator() override { return &order_.generator(); }

  std::vector<Tap*> prepare(BlockState& state) override {
    mine_.clear();
    std::vector<std::string> ranged;
    for (Linear* linear : state.block->linears()) {
      const std::string& name = linear->name();
      const Strategy* strategy = strategy_of(name);
      if (strategy == nullptr || strategy->keeps_float || state.done.count(name) > 0) continue;
      mine_.emplace_back(linear, strategy);
      if (strategy->static_input) ranged.push_back(name);
    }
    ranges_.reset();
    if (ranged.empty()) return {};
    ranges_ = std::make_unique<ChannelTap>(ranged);
    return {ranges_.get()};
  }

  void learn(BlockState& state, const PackedStates& inputs, const PackedStates& outputs,
             const RopeTable& rope) override {
    std::map<std::string, std::unique_ptr<LearnedLinear>> learned;
    for (const auto& [linear, strategy] : mine_)
      learned[linear->name()] =
          std::make_unique<LearnedLinear>(strategy->rounding, *linear, context_.model->dtype);
    AutoroundJob job;
    job.data = {context_.model, state.block, &inputs, &outputs, &rope};
    job.learned = &learned;
    job.done = &state.done;
    job.iters = step_.iters;
    job.squared_loss = step_.squared_loss;
    report(state.block->spec->name, learn_rounding(job, order_));
    for (const auto& [linear, strategy] : mine_)
      state.done[linear->name()] = quantized(*linear, *strategy, *learned.at(linear->name()));
  }

  void finish(BlockState&) override {}

 private:
  Strategy translated(const LinearQuantStep& step) const {
    Strategy strategy;
    strategy.filter = step.filter;
    const auto type = linear_type_from_name(step.type);
    if (!type) throw UsageError(fmt::format("the type {} is not built yet", step.type));
    strategy.type = *type;
    strategy.keeps_float = *type == LinearType::kFloat;
    strategy.static_input =
        !step.act.is_float() && (step.act.scope == "per_tensor" || step.act.scope == "pd_mix");
    strategy.act_symmetric = step.act.symmetric;
    strategy.rounding.bits = step.weight.dtype == "int4" ? 4 : 8;
    strategy.rounding.symmetric = step.weight.symmetric;
    strategy.rounding.full_range = step.weight.ext.value("full_range", false);
    strategy.rounding.group_size = group_size_of(step.weight);
    strategy.rounding.scale_dtype = scale_dtype_of(step.weight);
    strategy.rounding.engine_dtype = context_.model->dtype;
    strategy.rounding.rate = learning_rate(step_, step);
    strategy.rounding.tune_round = step_.tune_round;
    strategy.rounding.tune_minmax = step_.tune_minmax;
    return strategy;
  }

  const Strategy* strategy_of(const std::string& name) const {
    if (std::any_of(context_.exclude.begin(), context_.exclude.end(),
                    [&](const Glob& glob) { return glob.matches(name); }))
      return nullptr;
    const auto found = std::find_if(strategies_.begin(), strategies_.end(),
                                    [&](const Strategy& s) { return s.filter.selects(name); });
    return found == strategies_.end() ? nullptr : &*found;
  }

  QuantizedLinear quantized(const Linear& linear, const Strategy& strategy,
                            LearnedLinear& learned) const {
    QuantizedLinear result;
    result.spec = linear.spec();
    result.type = strategy.type;
    result.bias = linear.bias();
    result.input_rotation = linear.input_rotation();
    std::move(learned).finish(result);
    if (strategy.static_input) result.input = input_of(linear.name(), strategy);
    return result;
  }

  QuantParam input_of(const std::string& name, const Strategy& strategy) const {
    const ChannelTap::Stats& stats = ranges_->stats(name);
    const float low = *std::min_element(stats.min.begin(), stats.min.end());
    const float high = *std::max_element(stats.max.begin(), stats.max.end());
    if (!std::isfinite(low) || !std::isfinite(high))
      throw DataError(
          fmt::format("{}: its input has NaN or infinite values", name),
          "a weight before it is damaged, or the model overflows; check the checkpoint");
    return integer_param(low, high, strategy.act_symmetric, 8, context_.model->dtype);
  }

  void report(const std::string& block, const AutoroundResult& result) {
    const auto best = static_cast<std::size_t>(result.best);
    log_info("quant", "{}: loss {:.6g} at the start, {:.6g} at iteration {} of {}, which is kept",
             block, result.losses.front(), result.losses[best], best, step_.iters);
    if (best == 0 && step_.iters > 1 && !step_.lr && !warned_) {
      warned_ = true;
      log_warning("quant",
                  "{}: no iteration was better than plain rounding; shorter steps may help: set lr "
                  "in autoround_quant, for example {:.3g}",
                  block, std::min(0.05, 1.0 / step_.iters));
    }
    if (context_.debug == nullptr) return;
    const std::vector<float> losses(result.losses.begin(), result.losses.end());
    context_.debug->add(name(), {{"block", block}, {"best_iteration", result.best}}, "losses",
                        losses);
  }

  AutoroundStep step_;
  ProcessorContext context_;
  std::vector<Strategy> strategies_;
  SampleOrder order_;
  bool warned_ = false;
  std::vector<std::pair<Linear*, const Strategy*>> mine_;  // of the block at hand
  std::unique_ptr<ChannelTap> ranges_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const AutoroundStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<AutoroundProcessor>(step, context);
}

}  // namespace msmodelslim
