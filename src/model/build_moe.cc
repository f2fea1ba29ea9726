#include "model/build_moe.h"

#include <algorithm>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "check that config.json is the one that came with the weights";

bool listed(const ModelConfig& config, const std::string& key, std::int64_t layer) {
  if (!config.has(key) || !config.json().at(key).is_array()) return false;
  const Json& list = config.json().at(key);
  return std::find(list.begin(), list.end(), layer) != list.end();
}

bool has_experts(const MoeRow& row, const ModelConfig& config, std::int64_t layer) {
  switch (row.layers) {
    case MoeLayers::kSparseStep:
      return !listed(config, "mlp_only_layers", layer) &&
             (layer + 1) % config.size_or("decoder_sparse_step", 1) == 0;
    case MoeLayers::kFirstDense:
      if (config.has("mlp_layer_types") && config.json().at("mlp_layer_types").is_array()) {
        const Json& types = config.json().at("mlp_layer_types");
        const auto at = static_cast<std::size_t>(layer);
        return at >= types.size() || types[at] == "sparse";
      }
      // Unlike other sizes this one may be 0.
      return static_cast<double>(layer) >= config.number_or("first_k_dense_replace", 0) &&
             layer % config.size_or("moe_layer_freq", 1) == 0;
    case MoeLayers::kAll:
      break;
  }
  return true;
}

void check(const MoeSpec& moe, const ModelConfig& config) {
  if (moe.activation == Activation::kClampedSwish &&
      (config.number_or("swiglu_limit", 7) != 7 ||
       config.number_or("swiglu_alpha", 1.702) != 1.702))
    throw DataError(config.path() + ": swiglu_limit must be 7 and swiglu_alpha 1.702", kRemedy);
  const std::int64_t experts = moe.choices();
  const bool groups_fit = moe.top_groups <= moe.groups && experts % moe.groups == 0 &&
                          moe.per_token <= experts / moe.groups * moe.top_groups;
  if (moe.per_token <= experts && groups_fit) return;
  throw DataError(
      fmt::format(
          "{}: {} experts in {} groups, of which {} are looked at, cannot give {} per token",
          config.path(), experts, moe.groups, moe.top_groups, moe.per_token),
      kRemedy);
}

// LongCat's.
std::int64_t zero_experts(const ModelConfig& config) {
  const auto count = static_cast<std::int64_t>(config.number_or("zero_expert_num", 0));
  const std::string type = config.text_or("zero_expert_type", "identity");
  if (count > 0 && type != "identity")
    throw DataError(
        fmt::format("{}: zero_expert_type \"{}\" is not supported", config.path(), type),
        "experts of the type \"identity\" are");
  return count;
}

void add_shared(MoeSpec& moe, const MoeRow& row, const ModelConfig& config,
                const std::string& block, std::int64_t hidden, std::int64_t inner) {
  if (row.shared == nullptr) return;
  if (row.shared_count != nullptr && !config.has(row.shared_count)) return;
  const std::int64_t width = row.shared_count == nullptr ? config.size(row.shared_width)
                                                         : inner * config.size(row.shared_count);
  const std::string name = (row.shared_beside ? block : moe.name) + "." + row.shared;
  const bool alike = row.activation == Activation::kClampedSilu;  // its modules have one class
  moe.shared = mlp_spec(name, alike ? row.expert : kLlamaMlp, hidden, width, false);
  if (row.shared_gate)
    moe.shared_gate = LinearSpec{name + "_gate", hidden, 1, false, Role::kSharedGate, ""};
}

}  // namespace

MlpSpec mlp_spec(const std::string& name, const MlpNames& names, std::int64_t hidden,
                 std::int64_t inner, bool bias) {
  const auto member = [&](const char* part) { return fmt::format("{}.{}", name, part); };
  const std::string group = member("gate_up_proj");
  return {{member(names.gate), hidden, inner, bias, Role::kGate, group},
          {member(names.up), hidden, inner, bias, Role::kUp, group},
          {member(names.down), inner, hidden, bias, Role::kDown, ""}};
}

std::optional<MoeSpec> build_moe(const ModelConfig& config, const std::string& block,
                                 std::int64_t layer, std::int64_t hidden) {
  const MoeRow* row = find_moe_row(config.text_or("model_type", ""));
  if (row == nullptr || !has_experts(*row, config, layer)) return std::nullopt;
  // transformers 5 writes the second name for families that had another.
  const char* experts_key = config.has(row->experts) ? row->experts : "num_local_experts";
  if (config.number_or(experts_key, 1) == 0) return std::nullopt;
  const std::int64_t experts = config.size(experts_key);
  MoeSpec moe;
  moe.name = fmt::format("{}.{}", block, row->module);
  constexpr std::int64_t kMostExperts = 1 << 16;
  if (experts > kMostExperts)
    throw DataError(fmt::format("{}: \"{}\" is {}, more than {}", config.path(), row->experts,
                                experts, kMostExperts),
                    kRemedy);
  const std::int64_t inner = config.size(row->inner);
  const std::string router = fmt::format("{}.{}", moe.name, row->router);
  moe.zero_experts = zero_experts(config);
  moe.router = {router,
                hidden,
                experts + moe.zero_experts,
                row->bias || config.flag_or("router_bias", false),
                Role::kRouter,
                ""};
  moe.activation = row->activation;
  moe.limit = config.number_of_layer("swiglu_limits", layer);
  moe.shared_limit = config.number_of_layer("swiglu_limits_shared", layer);
  if (moe.activation == Activation::kClampedSilu) {
    moe.limit = moe.shared_limit = config.number_or("swiglu_limit", 0);
    if (moe.limit <= 0) moe.activation = Activation::kSilu;
  }
  moe.router_is_linear = row->router_is_linear;
  if (row->correction_bias != nullptr && config.flag_or("use_moe_router_bias", true))
    moe.correction_bias = fmt::format("{}.{}", moe.name, row->correction_bias);
  if (static_cast<double>(layer) < config.number_or("num_hash_layers", 0)) {
    moe.table = router + ".tid2eid";
    moe.correction_bias = "";
  }
  moe.score = row->score;
  moe.per_token = config.size("num_experts_per_tok");
  if (config.text_or("topk_method", "") != "greedy") {
    moe.groups = config.size_or("n_group", 1);
    moe.top_groups = config.size_or("topk_group", 1);
  }
  moe.normalize = row->normalize == Rule::kConfig
                      ? config.flag_or("norm_topk_prob", row->normalize_default)
                      : row->normalize == Rule::kAlways;
  // DeepSeek-V2 scales only what it does not normalize.
  if (row->score != RouterScore::kSoftmax || !moe.normalize)
    moe.scale = config.number_or("routed_scaling_factor", 1);
  for (std::int64_t e = 0; e < experts; ++e)
    moe.experts.push_back(
        mlp_spec(fmt::format("{}.experts.{}", moe.name, e), row->expert, hidden, inner, row->bias));
  add_shared(moe, *row, config, block, hidden, inner);
  check(moe, config);
  return moe;
}

}  // namespace msmodelslim
