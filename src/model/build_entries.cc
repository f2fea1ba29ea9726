#include "model/build_entries.h"

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "check that config.json is the one that came with the weights";

CompressorSpec compressor_of(const std::string& name, std::int64_t hidden, std::int64_t dim,
                             std::int64_t ratio, Role role, double eps) {
  // Runs of 4 tokens overlap in the published models, the long ones do not.
  constexpr std::int64_t kOverlapping = 4;
  CompressorSpec spec;
  spec.name = name;
  spec.ratio = ratio;
  spec.dim = dim;
  spec.overlaps = ratio == kOverlapping;
  spec.kv = {name + ".wkv", hidden, spec.width(), false, role, ""};
  spec.gate = {name + ".wgate", hidden, spec.width(), false, role, ""};
  spec.position = name + ".ape";
  spec.norm = {name + ".norm", dim, eps};
  return spec;
}

}  // namespace

EntryAttentionSpec build_entries(const ModelConfig& config, const ModelSpec& model,
                                 std::int64_t layer, const std::string& attention, double eps) {
  EntryAttentionSpec spec;
  const std::int64_t hidden = model.hidden;
  const std::int64_t latent = config.size("q_lora_rank");
  const std::int64_t width = model.heads * model.head_dim;
  spec.q_a = {attention + ".wq_a", hidden, latent, false, Role::kQueryDown, ""};
  spec.q_a_norm = {attention + ".q_norm", latent, eps};
  spec.q_b = {attention + ".wq_b", latent, width, false, Role::kQueryUp, ""};
  spec.kv = {attention + ".wkv", hidden, model.head_dim, false, Role::kKeyValueDown, ""};
  spec.kv_norm = {attention + ".kv_norm", model.head_dim, eps};
  spec.rope = model.rope.dim;
  spec.eps = eps;
  spec.groups = config.size("o_groups");
  if (model.heads % spec.groups != 0)
    throw DataError(fmt::format("{}: {} heads do not fit into {} groups", config.path(),
                                model.heads, spec.groups),
                    kRemedy);
  spec.out_a = {attention + ".wo_a",
                width / spec.groups,
                spec.groups * config.size("o_lora_rank"),
                false,
                Role::kAttentionOut,
                ""};
  const auto ratio = static_cast<std::int64_t>(config.number_of_layer("compress_ratios", layer));
  constexpr std::int64_t kLongest = 1 << 20;
  if (ratio < 0 || ratio > kLongest)
    throw DataError(fmt::format("{}: the compress ratio {} of layer {} is impossible",
                                config.path(), ratio, layer),
                    kRemedy);
  if (ratio < 2) return spec;
  const std::string name = attention + ".compressor";
  spec.compressor = compressor_of(name, hidden, model.head_dim, ratio, Role::kEntry, eps);
  if (!spec.compressor->overlaps) return spec;
  const std::string indexer = attention + ".indexer";
  const std::int64_t heads = config.size("index_n_heads");
  const std::int64_t dim = config.size("index_head_dim");
  if (dim < spec.rope)
    throw DataError(fmt::format("{}: index_head_dim {} is smaller than qk_rope_head_dim {}",
                                config.path(), dim, spec.rope),
                    kRemedy);
  spec.indexer = EntryIndexerSpec{
      {indexer + ".wq_b", latent, heads * dim, false, Role::kIndexQuery, ""},
      {indexer + ".weights_proj", hidden, heads, false, Role::kIndexWeight, ""},
      compressor_of(indexer + ".compressor", hidden, dim, ratio, Role::kIndexKey, eps),
      heads,
      config.size("index_topk")};
  return spec;
}

std::optional<HyperSpec> build_hyper(const ModelConfig& config, const std::string& name,
                                     double eps) {
  if (!config.has("hc_mult")) return std::nullopt;
  constexpr std::int64_t kMost = 64;
  HyperSpec spec{name + "_fn",
                 name + "_base",
                 name + "_scale",
                 config.size("hc_mult"),
                 config.size_or("hc_sinkhorn_iters", 20),
                 config.number_or("hc_eps", 1e-6),
                 eps};
  if (spec.copies > kMost || spec.rounds > 1000)
    throw DataError(fmt::format("{}: {} streams and {} rounds, at most {} and 1000 are possible",
                                config.path(), spec.copies, spec.rounds, kMost),
                    kRemedy);
  return spec;
}

}  // namespace msmodelslim
