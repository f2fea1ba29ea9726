#include "pipeline/adapter.h"
#include "pipeline/processors.h"
#include "pipeline/quarot_plan.h"

namespace msmodelslim {
namespace {

Tensor square_tensor(const std::vector<float>& values, std::int64_t side) {
  return from_f32(values.data(), {side, side}, DType::kF32);
}

// The whole matrix of one side of an input rotation.
Tensor side_tensor(const std::vector<float>& matrix, std::int64_t side) {
  if (!matrix.empty()) return square_tensor(matrix, side);
  Tensor identity(DType::kF32, {side, side});
  for (std::int64_t i = 0; i < side; ++i) identity.as<float>()[i * (side + 1)] = 1.0F;
  return identity;
}

class QuaRotProcessor : public Processor {
 public:
  QuaRotProcessor(const QuaRotStep& step, const ProcessorContext& context)
      : step_(step),
        model_(*context.model),
        rotates_norm_(context.pedigree == "glm_5" && !step.adapted && step.export_extra_info),
        quarot_(config_of(step, context), *context.model) {}
  const char* name() const override { return step_.adapted ? "adapt_rotation" : "quarot"; }
  bool needs_data() const override { return false; }

  void begin(ModelEnds& ends) override {
    ends.embedding.emplace_back(
        [this](float* x, std::int64_t rows) { quarot_.rotate_embedding(x, rows); });
    std::vector<float> norm = ends.final_norm.weight;
    ends.head.emplace_back([this, norm = std::move(norm)](float* x, std::int64_t rows) {
      quarot_.rotate_head(norm, x, rows);
    });
    ends.rotates_norm = rotates_norm_;
    std::fill(ends.final_norm.weight.begin(), ends.final_norm.weight.end(), 1.0F);
    if (step_.export_extra_info)
      ends.global_rotation = square_tensor(quarot_.residual().matrix(), model_.hidden);
    if (quarot_.heads()) ends.metadata["quarot"] = online_metadata();
  }

  std::vector<Tap*> prepare(BlockState&) override { return {}; }
  void finish(BlockState& state) override {
    Block& block = *state.block;
    quarot_.rotate(block, state.index);
    const auto keep = [&](const Linear& linear, const char* suffix, Tensor tensor) {
      state.extras.push_back({linear.name(), linear.name() + suffix, std::move(tensor), {}});
    };
    if (const auto& heads = quarot_.heads())
      keep(block.o, kHeadsRotation, side_tensor(heads->left, heads->m));
    if (!quarot_.turns_down(state.index)) return;
    const InputRotation& down = *quarot_.kronecker();
    keep(block.down, kKroneckerM, side_tensor(down.left, down.m));
    keep(block.down, kKroneckerN, side_tensor(down.right, down.n));
  }

 private:
  static QuaRotConfig config_of(const QuaRotStep& step, const ProcessorContext& context) {
    QuaRotConfig config = quarot_config(step, context.pedigree);
    if (step.adapted) config.residual = context.prior->rotation;
    return config;
  }

  Json online_metadata() const {
    Json heads = Json::array();
    Json downs = Json::array();
    for (std::size_t i = 0; i < model_.blocks.size(); ++i) {
      heads.push_back(model_.blocks[i].o.name);
      if (quarot_.turns_down(static_cast<std::int64_t>(i)))
        downs.push_back(model_.blocks[i].down.name);
    }
    return {{"max_tp_size", step_.max_tp_size},
            {"heads_rotation", {{"layers", heads}}},
            {"kronecker_rotation", {{"layers", downs}}}};
  }

  QuaRotStep step_;
  const ModelSpec& model_;
  bool rotates_norm_;
  QuaRot quarot_;
};

}  // namespace

QuaRotConfig quarot_config(const QuaRotStep& step, const std::string& pedigree) {
  QuaRotConfig config;
  config.block_size = step.block_size;
  config.online = step.online;
  config.down_proj_online_layers = step.down_proj_online_layers;
  config.max_tp_size = step.max_tp_size;
  config.shifted_heads = has_shifted_heads(pedigree);
  return config;
}

std::unique_ptr<Processor> make_processor(const QuaRotStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<QuaRotProcessor>(step, context);
}

}  // namespace msmodelslim
