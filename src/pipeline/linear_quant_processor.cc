#include <algorithm>

#include "pipeline/linear_config.h"
#include "pipeline/processors.h"
#include "pipeline/shared_weights.h"

namespace msmodelslim {
namespace {

class LinearQuantProcessor : public Processor {
 public:
  LinearQuantProcessor(const LinearQuantStep& step, const Plan& plan,
                       const ProcessorContext& context)
      : filter_(step.filter),
        exclude_(context.exclude),
        config_(linear_config_of(step, plan, context.model->dtype)),
        quantized_inputs_(step.weight.ext.value("quantized_inputs", false)),
        ranks_(context.ranks) {}
  const char* name() const override { return "linear_quant"; }
  bool needs_data() const override { return config_.needs_data(); }

  bool runs_again() const override { return quantized_inputs_; }

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
      if (state.no_more_passes && !needs_data()) {
        state.done[name];
        state.later[name] = [config = config_, linear, rank = rank_of(state, name)] {
          return LinearQuantizer(config, *linear, nullptr, false, branch_of(config, *linear, rank))
              .finish();
        };
        continue;
      }
      state.active[name] = std::make_unique<LinearQuantizer>(
          config_, *linear, hessian == nullptr ? nullptr : *hessian, first,
          branch_of(config_, *linear, rank_of(state, name)));
      mine_.push_back(name);
    }
    return {};
  }

  void finish(BlockState& state) override { finish_shared(mine_, state, *ranks_); }

 private:
  // 0: no low-rank branch.
  static std::int64_t rank_of(const BlockState& state, const std::string& name) {
    const auto rank = state.low_rank.find(name);
    return rank == state.low_rank.end() ? 0 : rank->second;
  }
  static LowRank branch_of(const LinearConfig& config, Linear& linear, std::int64_t rank) {
    return rank == 0 ? LowRank() : low_rank_of(linear, rank, config.compute_dtype);
  }

  bool excluded(const std::string& name) const {
    return std::any_of(exclude_.begin(), exclude_.end(),
                       [&](const Glob& glob) { return glob.matches(name); });
  }

  NameFilter filter_;
  std::vector<Glob> exclude_;
  LinearConfig config_;
  bool quantized_inputs_;  // the next block is calibrated behind this one as it was quantized
  Ranks* ranks_;
  std::vector<std::string> mine_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const LinearQuantStep& step, const Plan& plan,
                                          const ProcessorContext& context) {
  return std::make_unique<LinearQuantProcessor>(step, plan, context);
}

}  // namespace msmodelslim
