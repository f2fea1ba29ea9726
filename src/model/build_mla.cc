#include "model/build_mla.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/rope.h"

namespace msmodelslim {
namespace {

// Of the norms of latent vectors, whatever rms_norm_eps says.
constexpr double kLatentEps = 1e-6;

double score_scale(const RopeSpec& rope, std::int64_t width) {
  double scale = 1 / std::sqrt(static_cast<double>(width));
  if (rope.kind == RopeKind::kYarn && rope.mscale_all_dim != 0) {
    const double magnitude = yarn_magnitude(rope.factor, rope.mscale_all_dim);
    scale *= magnitude * magnitude;
  }
  return scale;
}

// Whether a layer has no indexer of its own: by a list, by a text of a letter for each layer
// ("FSS"), or by every how many-th layer has one.
bool shares_choice(const ModelConfig& config, std::int64_t layer) {
  if (!config.has("index_topk")) return false;
  bool shares = false;
  if (config.has("indexer_types")) {
    shares = config.text_of_layer("indexer_types", layer) == "shared";
  } else if (config.has("index_topk_pattern")) {
    const Json& pattern = config.json().at("index_topk_pattern");
    const auto at = static_cast<std::size_t>(layer);
    if (pattern.is_string())
      shares = at < pattern.get<std::string>().size() && pattern.get<std::string>()[at] == 'S';
    else
      shares = config.text_of_layer("index_topk_pattern", layer) == "shared";
  } else if (layer < config.size("num_hidden_layers")) {
    const auto behind =
        layer - static_cast<std::int64_t>(config.number_or("index_skip_topk_offset", 2)) + 1;
    shares = std::max(behind, std::int64_t{0}) % config.size_or("index_topk_freq", 1) != 0;
  }
  if (shares && layer == 0)
    throw DataError(config.path() + ": the first layer shares the choice of an indexer in front",
                    "check that config.json is the one that came with the weights");
  return shares;
}

// Nothing for models without one.
std::optional<IndexerSpec> build_indexer(const ModelConfig& config, const MlaSpec& mla,
                                         std::int64_t hidden, const std::string& attention) {
  if (!config.has("index_topk") || !mla.q_a || mla.shares_choice) return std::nullopt;
  IndexerSpec indexer;
  indexer.name = attention + ".indexer";
  indexer.heads = config.size("index_n_heads");
  indexer.dim = config.size("index_head_dim");
  indexer.most = config.size("index_topk");
  indexer.rope_pairs = config.text_or("model_type", "") == "glm_moe_dsa";
  if (indexer.dim < mla.rope)
    throw DataError(fmt::format("{}: index_head_dim {} is smaller than qk_rope_head_dim {}",
                                config.path(), indexer.dim, mla.rope),
                    "check that config.json is the one that came with the weights");
  indexer.q = {indexer.name + ".wq_b", mla.q_b.in, indexer.heads * indexer.dim, false,
               Role::kIndexQuery,      ""};
  indexer.k = {indexer.name + ".wk", hidden, indexer.dim, false, Role::kIndexKey, ""};
  indexer.k_norm = {indexer.name + ".k_norm", indexer.dim, kLatentEps, false, true};
  indexer.weights = {
      indexer.name + ".weights_proj", hidden, indexer.heads, false, Role::kIndexWeight, ""};
  return indexer;
}

}  // namespace

MlaSpec build_mla(const ModelConfig& config, const ModelSpec& model, std::int64_t layer,
                  const std::string& attention, bool bias) {
  MlaSpec mla;
  mla.nope = config.size("qk_nope_head_dim");
  mla.rope = config.size("qk_rope_head_dim");
  mla.value = config.size("v_head_dim");
  mla.latent = config.size("kv_lora_rank");
  mla.rope_pairs = config.flag_or("rope_interleave", true);
  mla.scale = score_scale(model.rope, mla.nope + mla.rope);
  const std::int64_t q_width = model.heads * (mla.nope + mla.rope);
  // What engines fuse; without q_a the linears stand alone.
  const std::string group = config.has("q_lora_rank") ? attention + ".fused_qkv_a_proj" : "";
  std::int64_t q_in = model.hidden;
  if (config.has("q_lora_rank")) {
    q_in = config.size("q_lora_rank");
    mla.q_a =
        LinearSpec{attention + ".q_a_proj", model.hidden, q_in, bias, Role::kQueryDown, group};
    mla.q_a_norm = NormSpec{attention + ".q_a_layernorm", q_in, kLatentEps};
  }
  mla.q_b = {
      attention + (mla.q_a ? ".q_b_proj" : ".q_proj"), q_in, q_width, false, Role::kQueryUp, ""};
  mla.kv_a = {attention + ".kv_a_proj_with_mqa",
              model.hidden,
              mla.latent + mla.rope,
              bias,
              Role::kKeyValueDown,
              group};
  mla.kv_a_norm = {attention + ".kv_a_layernorm", mla.latent, kLatentEps};
  mla.kv_b = {attention + ".kv_b_proj", mla.latent, model.heads * (mla.nope + mla.value), false,
              Role::kKeyValueUp,        ""};
  const auto root = [&](std::int64_t rank) {
    return std::sqrt(static_cast<double>(model.hidden) / static_cast<double>(rank));
  };
  if (mla.q_a && config.flag_or("mla_scale_q_lora", false)) mla.query_factor = root(q_in);
  if (config.flag_or("mla_scale_kv_lora", false)) mla.latent_factor = root(mla.latent);
  mla.shares_choice = mla.q_a && shares_choice(config, layer);
  mla.indexer = build_indexer(config, mla, model.hidden, attention);
  return mla;
}

}  // namespace msmodelslim
