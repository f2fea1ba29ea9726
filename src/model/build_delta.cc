#include "model/build_delta.h"

#include "base/error.h"

namespace msmodelslim {
namespace {

bool is_delta_layer(const ModelConfig& config, std::int64_t layer) {
  if (!config.has("linear_num_value_heads")) return false;
  if (config.has("layer_types") && config.json().at("layer_types").is_array()) {
    const Json& types = config.json().at("layer_types");
    const auto at = static_cast<std::size_t>(layer);
    if (at < types.size()) return types[at] == "linear_attention";
  }
  return (layer + 1) % config.size_or("full_attention_interval", 4) != 0;
}

}  // namespace

std::optional<DeltaSpec> build_delta(const ModelConfig& config, const std::string& block,
                                     std::int64_t layer, std::int64_t hidden, double eps) {
  if (!is_delta_layer(config, layer)) return std::nullopt;
  DeltaSpec delta;
  delta.name = block + ".linear_attn";
  delta.key_heads = config.size("linear_num_key_heads");
  delta.value_heads = config.size("linear_num_value_heads");
  delta.key_dim = config.size("linear_key_head_dim");
  delta.value_dim = config.size("linear_value_head_dim");
  delta.kernel = config.size_or("linear_conv_kernel_dim", 4);
  if (delta.value_heads % delta.key_heads != 0)
    throw DataError(fmt::format("{}: {} value heads cannot share {} key heads", config.path(),
                                delta.value_heads, delta.key_heads),
                    "check that config.json is the one that came with the weights");
  const auto input = [&](const char* name, std::int64_t out) {
    delta.inputs.push_back(
        {fmt::format("{}.{}", delta.name, name), hidden, out, false, Role::kDeltaIn, ""});
  };
  if (config.text_or("model_type", "") == "qwen3_next") {
    input("in_proj_qkvz", delta.conv_width() + delta.value_width());
    input("in_proj_ba", 2 * delta.value_heads);
  } else {
    input("in_proj_qkv", delta.conv_width());
    input("in_proj_z", delta.value_width());
    input("in_proj_b", delta.value_heads);
    input("in_proj_a", delta.value_heads);
  }
  delta.conv = delta.name + ".conv1d.weight";
  delta.a_log = delta.name + ".A_log";
  delta.dt_bias = delta.name + ".dt_bias";
  delta.norm = {delta.name + ".norm", delta.value_dim, eps};
  return delta;
}

}  // namespace msmodelslim
