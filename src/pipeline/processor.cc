#include "pipeline/processor.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "pipeline/adapter.h"

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

class LinearQuantProcessor : public Processor {
 public:
  LinearQuantProcessor(const LinearQuantStep& step, const Plan& plan,
                       const ProcessorContext& context)
      : filter_(step.filter), exclude_(context.exclude), config_(config_of(step, plan, context)) {}
  const char* name() const override { return "linear_quant"; }
  bool needs_data() const override { return config_.needs_data(); }

  std::vector<Tap*> prepare(BlockState& state) override {
    mine_.clear();
    std::map<std::string, std::shared_ptr<Hessian>> hessians;  // of linears with the same input
    for (Linear* linear : state.block->linears()) {
      const std::string& name = linear->name();
      if (state.done.count(name) > 0 || state.active.count(name) > 0) continue;
      if (!filter_.selects(name) || excluded(name)) continue;
      std::shared_ptr<Hessian>* hessian = nullptr;
      bool first = false;
      if (config_.weight.method == "gptq") {
        const std::string& group = linear->spec().group;
        hessian = &hessians[group.empty() ? name : group];
        first = *hessian == nullptr;
        if (first) *hessian = std::make_shared<Hessian>(linear->spec().in);
      }
      state.active[name] = std::make_unique<LinearQuantizer>(
          config_, *linear, hessian == nullptr ? nullptr : *hessian, first);
      mine_.push_back(name);
    }
    return {};
  }

  void finish(BlockState& state) override {
    for (const std::string& name : mine_) {
      state.done[name] = state.active.at(name)->finish();
      state.active.erase(name);
    }
  }

 private:
  bool excluded(const std::string& name) const {
    return std::any_of(exclude_.begin(), exclude_.end(),
                       [&](const Glob& glob) { return glob.matches(name); });
  }

  static LinearConfig config_of(const LinearQuantStep& step, const Plan& plan,
                                const ProcessorContext& context) {
    LinearConfig config;
    const auto type = linear_type_from_name(step.type);
    if (!type) throw UsageError(fmt::format("the type {} is not built yet", step.type));
    config.type = *type;
    config.act = step.act.is_float()              ? ActKind::kFloat
                 : step.act.scope == "per_tensor" ? ActKind::kStatic
                 : step.act.scope == "pd_mix"     ? ActKind::kMix
                                                  : ActKind::kPerToken;
    config.act_symmetric = step.act.symmetric;
    config.aggregation = aggregation_of(step.act) == Aggregation::kMean ? RangeAggregation::kMean
                                                                        : RangeAggregation::kMax;
    if (plan.v0) config.aggregation = RangeAggregation::kRunningMean;
    config.weight.bits = step.weight.dtype == "int4" ? 4 : 8;
    config.weight.method = step.weight.method;
    config.weight.symmetric = step.weight.symmetric;
    config.weight.steps = step.weight.ext.value("step", 50);
    config.weight.percdamp = step.weight.ext.value("percdamp", 0.01);
    config.weight.block_size = step.weight.ext.value("block_size", std::int64_t{128});
    config.weight.group_size = group_size_of(step.weight);
    config.weight.dual_block = step.weight.ext.value("dual_block_size", std::int64_t{512});
    config.weight.ceil_x = step.weight.ext.value("ceil_x_value", 7.25);
    config.weight.ceil_search = step.weight.ext.value("enable_search", false);
    config.weight.ceil_min = step.weight.ext.value("search_min", 6.0);
    config.weight.ceil_max = step.weight.ext.value("search_max", 12.0);
    config.weight.ceil_step = step.weight.ext.value("search_step", 0.25);
    config.weight.scale_dtype = context.model->dtype;
    config.act_scale_dtype = context.model->dtype;
    config.compute_dtype = context.model->dtype;
    return config;
  }

  NameFilter filter_;
  std::vector<Glob> exclude_;
  LinearConfig config_;
  std::vector<std::string> mine_;
};

class GroupProcessor : public Processor {
 public:
  explicit GroupProcessor(std::vector<std::unique_ptr<Processor>> children)
      : children_(std::move(children)) {}
  const char* name() const override { return "group"; }
  bool needs_data() const override {
    return std::any_of(children_.begin(), children_.end(),
                       [](const auto& child) { return child->needs_data(); });
  }
  std::vector<Tap*> prepare(BlockState& state) override {
    std::vector<Tap*> taps;
    for (const auto& child : children_)
      for (Tap* tap : child->prepare(state)) taps.push_back(tap);
    return taps;
  }
  void finish(BlockState& state) override {
    for (const auto& child : children_) child->finish(state);
  }

 private:
  std::vector<std::unique_ptr<Processor>> children_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const Step& step, const Plan& plan,
                                          const ProcessorContext& context) {
  if (const auto* smooth = std::get_if<SmoothStep>(&step.value))
    return std::make_unique<SmoothProcessor>(*smooth, context);
  if (const auto* linear = std::get_if<LinearQuantStep>(&step.value))
    return std::make_unique<LinearQuantProcessor>(*linear, plan, context);
  std::vector<std::unique_ptr<Processor>> children;
  for (const Step& child : std::get<GroupStep>(step.value).steps)
    children.push_back(make_processor(child, plan, context));
  return std::make_unique<GroupProcessor>(std::move(children));
}

}  // namespace msmodelslim
