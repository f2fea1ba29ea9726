#include <algorithm>

#include "pipeline/processors.h"

namespace msmodelslim {
namespace {

class GroupProcessor : public Processor {
 public:
  explicit GroupProcessor(std::vector<std::unique_ptr<Processor>> children)
      : children_(std::move(children)) {}
  const char* name() const override { return "group"; }
  void begin(ModelEnds& ends) override {
    for (const auto& child : children_) child->begin(ends);
  }
  bool needs_data() const override {
    return std::any_of(children_.begin(), children_.end(),
                       [](const auto& child) { return child->needs_data(); });
  }
  bool runs_again() const override {
    return std::any_of(children_.begin(), children_.end(),
                       [](const auto& child) { return child->runs_again(); });
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

std::unique_ptr<Processor> make_processor(const GroupStep& step, const Plan& plan,
                                          const ProcessorContext& context) {
  std::vector<std::unique_ptr<Processor>> children;
  for (const Step& child : step.steps) children.push_back(make_processor(child, plan, context));
  return std::make_unique<GroupProcessor>(std::move(children));
}

}  // namespace msmodelslim
