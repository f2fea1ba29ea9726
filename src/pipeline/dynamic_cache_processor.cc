// dynamic_cache: ranges of keys and values are gathered over the calibration set, then the block
// gets the scales of an int8 KV cache. The pass that gathers sees the cache unquantized; later
// entries of the recipe see it quantized.

#include <algorithm>

#include "base/error.h"
#include "observe/kv_tap.h"
#include "pipeline/processors.h"

namespace msmodelslim {
namespace {

KvAggregation aggregation_of_cache(const QConfig& cache) {
  switch (aggregation_of(cache)) {
    case Aggregation::kMean:
      return KvAggregation::kMean;
    case Aggregation::kLast:
      return KvAggregation::kLast;
    case Aggregation::kMax:
      break;
  }
  return KvAggregation::kMax;
}

class DynamicCacheProcessor : public Processor {
 public:
  DynamicCacheProcessor(const DynamicCacheStep& step, const ProcessorContext& context)
      : filter_(step.filter),
        exclude_(context.exclude),
        symmetric_(step.cache.symmetric),
        aggregation_(aggregation_of_cache(step.cache)),
        dtype_(context.model->dtype) {}
  const char* name() const override { return "dynamic_cache"; }
  bool needs_data() const override { return true; }

  std::vector<Tap*> prepare(BlockState& state) override {
    tap_.reset();
    const std::string attention = state.block->spec->attention_name();
    const bool excluded = std::any_of(exclude_.begin(), exclude_.end(),
                                      [&](const Glob& glob) { return glob.matches(attention); });
    if (state.kv_cache || excluded || !filter_.selects(attention)) return {};
    tap_ = std::make_unique<KvTap>(aggregation_);
    return {tap_.get()};
  }

  void finish(BlockState& state) override {
    if (!tap_ || state.kv_cache) return;
    const std::string attention = state.block->spec->attention_name();
    if (!tap_->seen())
      throw DataError(fmt::format("{}: no calibration token reached it", attention),
                      "use a larger calibration set");
    if (!tap_->finite())
      throw DataError(fmt::format("{}: its keys or values have NaN or infinite values", attention),
                      "a weight before it is damaged, or the model overflows; check the "
                      "checkpoint");
    state.kv_cache = KvCacheParams{channel_params(tap_->keys(), symmetric_, dtype_),
                                   channel_params(tap_->values(), symmetric_, dtype_)};
    leave(state, attention, state.block->k.name(), state.kv_cache->key);
    leave(state, attention, state.block->v.name(), state.kv_cache->value);
    tap_.reset();
  }

 private:
  void leave(BlockState& state, const std::string& attention, const std::string& projection,
             const ChannelParams& params) const {
    const Shape shape = {static_cast<std::int64_t>(params.scale.size())};
    state.extras.push_back({attention, projection + ".kv_cache_scale",
                            from_f32(params.scale.data(), shape, dtype_), LinearType::kC8});
    state.extras.push_back({attention, projection + ".kv_cache_offset",
                            from_f32(params.offset.data(), shape, dtype_), LinearType::kC8});
  }

  NameFilter filter_;
  std::vector<Glob> exclude_;
  bool symmetric_;
  KvAggregation aggregation_;
  DType dtype_;
  std::unique_ptr<KvTap> tap_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const DynamicCacheStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<DynamicCacheProcessor>(step, context);
}

}  // namespace msmodelslim
