#include "advise/attention_scores.h"

#include <algorithm>

#include "advise/layer_scores.h"
#include "advise/model_walk.h"
#include "base/error.h"
#include "recipe/recipe.h"

namespace msmodelslim {
namespace {

// Float products; keeps what the block's output projection of attention gives.
class OutputOp : public LinearOp {
 public:
  OutputOp(std::string linear, DType dtype) : linear_(std::move(linear)), op_(dtype) {}
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override {
    op_.apply(linear, x, rows, sequences, y);
    if (linear.name() == linear_) output_.insert(output_.end(), y, y + rows * linear.spec().out);
  }
  bool wants(const Linear& linear) const override { return linear.name() == linear_; }
  const std::vector<float>& output() const { return output_; }

 private:
  std::string linear_;
  FloatLinearOp op_;
  std::vector<float> output_;
};

Plan probe_plan(bool latent) {
  return make_plan(
      parse_recipe(std::string("apiversion: modelslim_v1\nspec:\n  process:\n    - ") +
                       (latent ? "{type: fa3_quant}\n"
                               : "{type: dynamic_cache, qconfig: {dtype: int8, scope: per_channel, "
                                 "symmetric: true, method: minmax}}\n") +
                       "  save: [{type: ascendv1_saver}]\n",
                   "attn"));
}

std::unique_ptr<KvOp> cache_op(const BlockState& state) {
  if (state.latent_cache) return std::make_unique<LatentKvOp>(*state.latent_cache);
  if (state.kv_cache) return std::make_unique<Int8KvOp>(*state.kv_cache);
  return nullptr;
}

}  // namespace

std::vector<LayerScore> score_attention(const std::string& model_path,
                                        const std::vector<std::vector<std::int32_t>>& samples,
                                        bool quiet) {
  ModelWalk walk(model_path);
  const ModelSpec& model = walk.model();
  const bool latent = model.blocks.front().mla.has_value();
  const Plan plan = probe_plan(latent);
  ProcessorContext context;
  context.model = &model;
  const std::unique_ptr<Processor> probe = make_processor(plan.steps.at(0), plan, context);
  PackedStates states = walk.begin(samples);
  Progress progress("analyze", static_cast<std::int64_t>(model.blocks.size()), states.rows, quiet);
  std::vector<LayerScore> scores;
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    progress.at(static_cast<std::int64_t>(i), "attention in int8 and in float");
    Block block(model.blocks[i], walk.checkpoint());
    walk.enter_next_token(block, states);
    BlockState state;
    state.block = &block;
    state.samples = &states.sequences;
    OutputOp before(model.blocks[i].o.name, model.dtype);
    walk.look(block, before, states, probe->prepare(state));
    probe->finish(state);
    const std::unique_ptr<KvOp> cache = cache_op(state);
    OutputOp after(model.blocks[i].o.name, model.dtype);
    walk.run(block, after, states, cache.get());
    walk.end_block(block);
    if (cache)
      scores.push_back({model.blocks[i].attention_name(),
                        mean_squared_error(states.sequences, model.hidden, before.output().data(),
                                           after.output().data()),
                        0});
  }
  if (scores.empty()) throw UsageError("the model has no attention with keys that can be int8");
  return scores;
}

}  // namespace msmodelslim
