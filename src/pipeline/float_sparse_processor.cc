#include <algorithm>

#include "pipeline/processors.h"
#include "quantize/float_sparse.h"

namespace msmodelslim {
namespace {

// Gathers the products of the inputs, once for linears that read the same.
class InputProducts : public Tap {
 public:
  void clear() { of_.clear(); }
  // Linears with the same `key` share what the first of them sees.
  void add(const Linear& linear, const std::string& key) {
    const bool first = of_.count(key) == 0;
    if (first) of_[key] = {linear.name(), std::make_unique<Hessian>(linear.spec().in)};
  }
  const Hessian& at(const std::string& key) const { return *of_.at(key).hessian; }

  bool wants(const Linear& linear) const override {
    return std::any_of(of_.begin(), of_.end(),
                       [&](const auto& entry) { return entry.second.source == linear.name(); });
  }
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>&) override {
    for (auto& [key, entry] : of_)
      if (entry.source == linear.name()) entry.hessian->add(x, rows);
  }
  void store(ByteWriter& out) const override {
    for (const auto& [key, entry] : of_) entry.hessian->store(out);
  }
  void load(StatisticsReader& in) override {
    for (const auto& [key, entry] : of_) entry.hessian->load(in);
  }

 private:
  struct Entry {
    std::string source;  // the linear whose inputs are taken
    std::unique_ptr<Hessian> hessian;
  };
  std::map<std::string, Entry> of_;
};

class FloatSparseProcessor : public Processor {
 public:
  FloatSparseProcessor(const FloatSparseStep& step, const ProcessorContext& context)
      : step_(step), context_(context) {}
  const char* name() const override { return "float_sparse"; }
  bool needs_data() const override { return true; }
  bool runs_again() const override { return true; }

  std::vector<Tap*> prepare(BlockState& state) override {
    groups_.clear();
    products_.clear();
    for (Linear* linear : state.block->linears()) {
      const std::string& name = linear->name();
      if (state.done.count(name) > 0 || state.active.count(name) > 0) continue;
      if (!step_.filter.selects(name) || context_.excludes(name)) continue;
      const std::string& group = linear->spec().group;
      const std::string& key = group.empty() ? name : group;
      products_.add(*linear, key);
      groups_[key].push_back(linear);
    }
    if (groups_.empty()) return {};
    return {&products_};
  }

  void finish(BlockState& state) override {
    for (const auto& [key, linears] : groups_) {
      const SparsePruner pruner(products_.at(key), linears.front()->name());
      for (Linear* linear : linears) {
        QuantizedLinear sparse;
        sparse.spec = linear->spec();
        sparse.bias = linear->bias();
        sparse.input_rotation = linear->input_rotation();
        pruner.prune(WeightRows(*linear), step_.ratio, linear->source().dtype(), sparse);
        state.done[linear->name()] = std::move(sparse);
      }
    }
    products_.clear();
  }

 private:
  FloatSparseStep step_;
  ProcessorContext context_;
  std::map<std::string, std::vector<Linear*>> groups_;
  InputProducts products_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const FloatSparseStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<FloatSparseProcessor>(step, context);
}

}  // namespace msmodelslim
