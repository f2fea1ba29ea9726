#include <algorithm>

#include "pipeline/adapter.h"
#include "pipeline/processors.h"
#include "pipeline/rounding.h"
#include "pipeline/smooth_report.h"
#include "pipeline/zero_bias.h"

namespace msmodelslim {
namespace {

SmoothAlgorithm algorithm_of(SmoothKind kind) {
  switch (kind) {
    case SmoothKind::kSmoothQuant:
      return SmoothAlgorithm::kSmoothQuant;
    case SmoothKind::kIterSmooth:
      return SmoothAlgorithm::kIterSmooth;
    case SmoothKind::kFlexAwqSsz:
      return SmoothAlgorithm::kFlexAwqSsz;
    case SmoothKind::kOutlierSuppression:
      return SmoothAlgorithm::kOutlierSuppression;
    case SmoothKind::kCbq:
      return SmoothAlgorithm::kCbq;
    case SmoothKind::kFlexSmoothQuant:
      break;
  }
  return SmoothAlgorithm::kFlexSmooth;
}

// "model.layers.61." of next-token layers.
std::vector<std::string> next_token_layers(const ModelSpec& model) {
  std::vector<std::string> prefixes;
  for (const BlockSpec& block : model.blocks)
    if (block.mtp) prefixes.push_back(block.name + ".");
  return prefixes;
}

bool is_inside(const std::vector<std::string>& layers, const std::string& module) {
  return std::any_of(layers.begin(), layers.end(),
                     [&](const std::string& prefix) { return module.rfind(prefix, 0) == 0; });
}

class SmoothProcessor : public Processor {
 public:
  SmoothProcessor(const SmoothStep& step, const Plan& plan, const ProcessorContext& context)
      : smoother_(config_of(step, plan, context), *context.model),
        kind_(step.kind),
        debug_(context.debug),
        v0_(plan.v0.has_value()) {}
  const char* name() const override {
    switch (kind_) {
      case SmoothKind::kSmoothQuant:
        return "smooth_quant";
      case SmoothKind::kIterSmooth:
        return "iter_smooth";
      case SmoothKind::kFlexAwqSsz:
        return "flex_awq_ssz";
      case SmoothKind::kOutlierSuppression:
        return "outlier suppression (m2)";
      case SmoothKind::kCbq:
        return "outlier channels of CBQ (m5)";
      case SmoothKind::kFlexSmoothQuant:
        break;
    }
    return "flex_smooth_quant";
  }
  bool needs_data() const override { return true; }
  Stream stream() const override { return v0_ ? Stream::kAnti : Stream::kQuantized; }
  void begin(ModelEnds& ends) override {
    if (leaves_biases()) add_zero_bias(ends.final_norm);
  }
  std::vector<Tap*> prepare(BlockState& state) override {
    return smoother_.prepare(*state.block, *state.samples);
  }
  void finish(BlockState& state) override {
    for (const SmoothResult& result : smoother_.finish())
      report_smoothing(name(), result, state, debug_);
    if (leaves_biases()) add_zero_biases(*state.block);
  }

 private:
  bool leaves_biases() const { return v0_ && kind_ != SmoothKind::kFlexSmoothQuant; }

  static SmoothConfig config_of(const SmoothStep& step, const Plan& plan,
                                const ProcessorContext& context) {
    SmoothConfig config;
    config.algorithm = algorithm_of(step.kind);
    config.alpha = step.alpha;
    config.beta = step.beta;
    config.scale_min = step.kind == SmoothKind::kIterSmooth ? step.scale_min : 1e-5;
    config.symmetric = step.symmetric;
    config.skip = step.skip;
    config.v0 = plan.v0.has_value();
    // As the outputs of the Python tool show: models with an adapter of their own are shifted.
    const bool adapted = context.model->architecture.starts_with("Qwen3");
    config.norms_first = config.v0 && !adapted;
    if (config.v0 && step.kind == SmoothKind::kIterSmooth) {
      config.symmetric = !adapted;
      if (!adapted) config.alpha = 0.9;
    }
    config.search_rows = step.search_rows;
    if (step.kind == SmoothKind::kFlexAwqSsz) {
      config.round_weight = make_round_weight(step.weight, context.model->dtype);
      config.round_input = make_round_input(step.act, step.weight);
    }
    config.kinds = enabled_subgraphs(step.subgraph_types,
                                     step.ignore_adapter
                                         ? kAllSubgraphs
                                         : declared_subgraphs(context.pedigree, config.algorithm));
    config.selects = [filter = step.filter, any = step.ignore_adapter, pedigree = context.pedigree,
                      layers = next_token_layers(*context.model),
                      algorithm = config.algorithm](const std::string& source) {
      return filter.selects(source) &&
             (any || declares_source(pedigree, algorithm, source, is_inside(layers, source)));
    };
    return config;
  }
  Smoother smoother_;
  SmoothKind kind_;
  DebugInfo* debug_;
  bool v0_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const SmoothStep& step, const Plan& plan,
                                          const ProcessorContext& context) {
  return std::make_unique<SmoothProcessor>(step, plan, context);
}

}  // namespace msmodelslim
