#include "base/error.h"
#include "base/log.h"
#include "pipeline/adapter.h"
#include "pipeline/processors.h"

namespace msmodelslim {
namespace {

SubgraphKind kind_from_name(const std::string& name) {
  for (SubgraphKind kind : {SubgraphKind::kUpDown, SubgraphKind::kOv, SubgraphKind::kLinearLinear,
                            SubgraphKind::kNormLinear})
    if (name == subgraph_kind_name(kind)) return kind;
  throw UsageError(fmt::format("unknown subgraph type \"{}\"", name));
}

class SmoothProcessor : public Processor {
 public:
  SmoothProcessor(const SmoothStep& step, const ProcessorContext& context)
      : smoother_(config_of(step, context), *context.model),
        kind_(step.kind),
        debug_(context.debug) {}
  const char* name() const override {
    switch (kind_) {
      case SmoothKind::kSmoothQuant:
        return "smooth_quant";
      case SmoothKind::kIterSmooth:
        return "iter_smooth";
      case SmoothKind::kFlexSmoothQuant:
        break;
    }
    return "flex_smooth_quant";
  }
  bool needs_data() const override { return true; }
  std::vector<Tap*> prepare(BlockState& state) override { return smoother_.prepare(*state.block); }
  void finish(BlockState& state) override {
    for (const SmoothResult& result : smoother_.finish()) {
      if (state.done.count(result.target) > 0)
        throw UsageError(fmt::format("{} is smoothed after it was quantized", result.target),
                         "put the smoothing entry before linear_quant in the recipe");
      log_debug("suppress", "{}: {} alpha {:.2f} beta {:.2f}", result.target,
                subgraph_kind_name(result.kind), result.alpha, result.beta);
      if (debug_ != nullptr)
        debug_->add(name(),
                    {{"target", result.target},
                     {"subgraph", subgraph_kind_name(result.kind)},
                     {"alpha", result.alpha},
                     {"beta", result.beta}},
                    "scales", result.scales);
    }
  }

 private:
  static SmoothConfig config_of(const SmoothStep& step, const ProcessorContext& context) {
    SmoothConfig config;
    config.algorithm = step.kind == SmoothKind::kSmoothQuant  ? SmoothAlgorithm::kSmoothQuant
                       : step.kind == SmoothKind::kIterSmooth ? SmoothAlgorithm::kIterSmooth
                                                              : SmoothAlgorithm::kFlexSmooth;
    config.alpha = step.alpha;
    config.beta = step.beta;
    config.scale_min = step.kind == SmoothKind::kIterSmooth ? step.scale_min : 1e-5;
    config.symmetric = step.symmetric;
    const auto declared = declared_subgraphs(context.pedigree, config.algorithm);
    for (const std::string& type : step.subgraph_types)
      if (declared.count(kind_from_name(type)) > 0) config.kinds.insert(kind_from_name(type));
    config.selects = [filter = step.filter](const std::string& source) {
      return filter.selects(source);
    };
    return config;
  }
  Smoother smoother_;
  SmoothKind kind_;
  DebugInfo* debug_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const SmoothStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<SmoothProcessor>(step, context);
}

}  // namespace msmodelslim
