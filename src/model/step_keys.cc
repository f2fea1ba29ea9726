#include "model/step_keys.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/error.h"
#include "model/json_keys.h"

namespace msmodelslim {
namespace {

constexpr const char* kKinds[] = {"full_attention", "sliding_attention"};

[[noreturn]] void fail(const std::string& what) {
  throw DataError("config.json: " + what,
                  "check that config.json is the one that came with the weights");
}

std::int64_t layers_of(const Json& config) {
  const Json layers = config.value("num_hidden_layers", Json());
  return layers.is_number_integer() ? layers.get<std::int64_t>() : 0;
}

// What `key`, a value or a list of one for each layer, is for the layers of a kind; null where it
// says nothing about them.
Json of_kind(const Json& config, const char* key, const std::string& kind) {
  if (!has_key(config, key)) return {};
  const Json& value = config.at(key);
  if (!value.is_array()) return value;
  Json found;
  const Json types = config.value("layer_types", Json::array());
  if (!types.is_array()) return {};
  const auto count =
      std::min({value.size(), types.size(),
                static_cast<std::size_t>(std::max<std::int64_t>(0, layers_of(config)))});
  for (std::size_t i = 0; i < count; ++i) {
    if (types[i] != kind) continue;
    if (!found.is_null() && found != value[i])
      fail(fmt::format("\"{}\" differs between layers of {}", key, kind));
    found = value[i];
  }
  return found;
}

// A list of both kinds, or one value for all.
void add_rope(Json& config) {
  if (has_key(config, "rope_parameters")) return;
  Json scaled = Json::array({kKinds[0]});
  if (has_key(config, "yarn_only_types") && !config.at("yarn_only_types").empty())
    scaled = config.at("yarn_only_types");
  const bool scaling = has_key(config, "rope_scaling") && config.at("rope_scaling").is_object();
  if (scaling && scaled != Json::array({kKinds[0]}))
    fail("rope_scaling of other layers than those of full_attention is not supported");
  Json parameters = Json::object();
  for (const std::string kind : kKinds) {
    Json& rope = parameters[kind];
    rope = Json::object();
    if (const Json theta = of_kind(config, "rope_theta", kind); !theta.is_null())
      rope["rope_theta"] = theta;
    if (const Json part = of_kind(config, "partial_rotary_factors", kind); !part.is_null())
      rope["partial_rotary_factor"] = part;
    if (scaling && kind == kKinds[0]) rope.update(config.at("rope_scaling"));
  }
  config["rope_parameters"] = parameters;
  config.erase("rope_theta");
  config.erase("rope_scaling");
}

// "3,4,5" or a list; without it all layers but the first have experts.
void add_expert_layers(Json& config) {
  if (has_key(config, "mlp_layer_types")) return;
  std::set<std::int64_t> sparse;
  const Json layers = config.value("moe_layers_enum", Json());
  if (layers.is_string()) {
    const std::string text = layers.get<std::string>();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(',', at), text.size());
      sparse.insert(std::atoll(text.substr(at, end - at).c_str()));
      at = end + 1;
    }
  } else if (layers.is_array()) {
    for (const Json& layer : layers)
      if (layer.is_number_integer()) sparse.insert(layer.get<std::int64_t>());
  }
  Json types = Json::array();
  for (std::int64_t i = 0; i < std::min<std::int64_t>(layers_of(config), 1 << 16); ++i)
    types.push_back((layers.is_null() ? i > 0 : sparse.count(i) > 0) ? "sparse" : "dense");
  config["mlp_layer_types"] = types;
}

// Keys and values have the same heads in all layers, queries may not.
void add_sliding_heads(Json& config) {
  const Json other = config.value("attention_other_setting", Json());
  if (!other.is_object()) return;
  for (const auto& [key, usual] :
       {std::pair{"num_attention_groups", "num_key_value_heads"}, {"head_dim", "head_dim"}})
    if (has_key(other, key) && has_key(config, usual) && other.at(key) != config.at(usual))
      fail(fmt::format("attention_other_setting.{} differs from {}", key, usual));
  if (has_key(other, "num_attention_heads") && !has_key(config, "num_sliding_attention_heads"))
    config["num_sliding_attention_heads"] = other.at("num_attention_heads");
}

}  // namespace

void add_step_keys(Json& config) {
  copy_key(config, "num_key_value_heads", "num_attention_groups");
  copy_key(config, "moe_num_experts", "n_routed_experts");
  copy_key(config, "num_experts_per_tok", "moe_top_k");
  copy_key(config, "routed_scaling_factor", "moe_router_scaling_factor");
  copy_key(config, "share_expert_dim", "share_expert_dims");
  if (!has_key(config, "use_qk_norm")) config["use_qk_norm"] = true;
  add_sliding_heads(config);
  add_expert_layers(config);
  add_rope(config);
}

}  // namespace msmodelslim
