// dynamic_cache: ranges of keys and values are gathered over the calibration set, then the block
// gets the scales of an int8 KV cache. The pass that gathers sees the cache unquantized; later
// entries of the recipe see it quantized.

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "observe/kv_tap.h"
#include "observe/projection_tap.h"
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

bool is_finite(const ColumnRange& range) {
  const auto all = [](const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
  };
  return all(range.min) && all(range.max);
}

class DynamicCacheProcessor : public Processor {
 public:
  DynamicCacheProcessor(const DynamicCacheStep& step, const Plan& plan,
                        const ProcessorContext& context)
      : filter_(step.filter),
        exclude_(context.exclude),
        symmetric_(step.cache.symmetric),
        aggregation_(aggregation_of_cache(step.cache)),
        dtype_(context.model->dtype),
        v0_(plan.v0.has_value()) {}
  const char* name() const override { return "dynamic_cache"; }
  bool needs_data() const override { return true; }
  Stream stream() const override { return v0_ ? Stream::kFloat : Stream::kQuantized; }

  std::vector<Tap*> prepare(BlockState& state) override {
    tap_.reset();
    projections_.reset();
    const std::string attention = state.block->spec->attention_name();
    const bool excluded = std::any_of(exclude_.begin(), exclude_.end(),
                                      [&](const Glob& glob) { return glob.matches(attention); });
    if (state.kv_cache || excluded || !filter_.selects(attention) || !state.block->spec->has_keys())
      return {};
    if (v0_) {
      projections_ = std::make_unique<ProjectionTap>(
          std::vector<Linear*>{&state.block->k, &state.block->v}, dtype_);
      return {projections_.get()};
    }
    tap_ = std::make_unique<KvTap>(aggregation_);
    return {tap_.get()};
  }

  void finish(BlockState& state) override {
    if ((!tap_ && !projections_) || state.kv_cache) return;
    const std::string attention = state.block->spec->attention_name();
    if (tap_ ? !tap_->seen() : !projections_->seen())
      throw DataError(fmt::format("{}: no calibration token reached it", attention),
                      "use a larger calibration set");
    const std::string& k = state.block->spec->k.name;
    const std::string& v = state.block->spec->v.name;
    const ColumnRange keys = tap_ ? tap_->keys() : projections_->range(k);
    const ColumnRange values = tap_ ? tap_->values() : projections_->range(v);
    if ((tap_ && !tap_->finite()) || !is_finite(keys) || !is_finite(values))
      throw DataError(fmt::format("{}: its keys or values have NaN or infinite values", attention),
                      "a weight before it is damaged, or the model overflows; check the "
                      "checkpoint");
    state.kv_cache = KvCacheParams{channel_params(keys, symmetric_, dtype_),
                                   channel_params(values, symmetric_, dtype_)};
    leave(state, attention, k, state.kv_cache->key);
    leave(state, attention, v, state.kv_cache->value);
    tap_.reset();
    projections_.reset();
  }

 private:
  void leave(BlockState& state, const std::string& attention, const std::string& projection,
             const ChannelParams& params) const {
    const Shape shape = {static_cast<std::int64_t>(params.scale.size())};
    const std::string& module = v0_ ? projection : attention;
    const auto add = [&](const char* suffix, const std::vector<float>& values) {
      state.extras.push_back({module, projection + suffix, from_f32(values.data(), shape, dtype_),
                              LinearType::kC8, v0_});
    };
    add(".kv_cache_scale", params.scale);
    add(".kv_cache_offset", params.offset);
  }

  NameFilter filter_;
  std::vector<Glob> exclude_;
  bool symmetric_;
  KvAggregation aggregation_;
  DType dtype_;
  bool v0_;  // ranges of what k_proj and v_proj of the float model put out, before RoPE
  std::unique_ptr<KvTap> tap_;
  std::unique_ptr<ProjectionTap> projections_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const DynamicCacheStep& step, const Plan& plan,
                                          const ProcessorContext& context) {
  return std::make_unique<DynamicCacheProcessor>(step, plan, context);
}

}  // namespace msmodelslim
