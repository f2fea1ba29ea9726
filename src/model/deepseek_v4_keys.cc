#include "model/deepseek_v4_keys.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "model/json_keys.h"

namespace msmodelslim {
namespace {

Json value_of(const Json& config, const char* key, Json fallback) {
  return has_key(config, key) ? config.at(key) : std::move(fallback);
}

// Tokens of an entry, by layer; 0: no entries. transformers names kinds of layers.
void add_ratios(Json& config) {
  if (has_key(config, "compress_ratios")) return;
  const Json types = value_of(config, "layer_types", Json::array());
  const Json rates = value_of(config, "compress_rates", Json::object());
  if (!types.is_array() || !rates.is_object()) return;
  Json ratios = Json::array();
  for (const Json& type : types) {
    const std::string kind = type.is_string() ? type.get<std::string>() : type.dump();
    if (kind == "sliding_attention")
      ratios.push_back(0);
    else if (rates.contains(kind))
      ratios.push_back(rates.at(kind));
    else
      throw DataError("config.json: \"compress_rates\" has nothing for the layers of " + kind,
                      "check that config.json is the one that came with the weights");
  }
  config["compress_ratios"] = ratios;
}

// Layers whose tokens have fixed experts are the first ones.
void add_fixed_layers(Json& config) {
  if (has_key(config, "num_hash_layers")) return;
  const Json types = value_of(config, "mlp_layer_types", Json());
  if (types.is_array())
    config["num_hash_layers"] = std::count(types.begin(), types.end(), Json("hash_moe"));
}

// Layers with entries have one base and its scaling, layers with a window alone another and none.
void add_rope(Json& config) {
  const Json own = value_of(config, "rope_parameters", Json::object());
  Json main = {{"rope_theta", value_of(config, "rope_theta", 10000)}};
  Json entries = value_of(config, "rope_scaling", Json::object());
  if (own.contains("full_attention")) return;
  if (!entries.is_object()) return;
  // Their base stands beside the scaling, whatever it holds.
  entries["rope_theta"] = value_of(config, "compress_rope_theta", 160000);
  if (own.contains("main") && own.contains("compress")) {
    main = own.at("main");
    entries = own.at("compress");
  }
  if (!entries.is_object() || !main.is_object()) return;
  // What YaRN does to the length of queries and keys is left out.
  if (!entries.contains("attention_factor")) entries["attention_factor"] = 1.0;
  config["rope_parameters"] = {{"full_attention", entries}, {"sliding_attention", main}};
  for (const char* key : {"rope_theta", "rope_scaling", "partial_rotary_factor"}) config.erase(key);
  for (auto& [kind, parameters] : config["rope_parameters"].items())
    parameters.erase("partial_rotary_factor");
}

}  // namespace

void add_deepseek_v4_keys(Json& config) {
  add_ratios(config);
  add_fixed_layers(config);
  copy_key(config, "rotary_dim", "qk_rope_head_dim");
  if (!has_key(config, "num_key_value_heads")) config["num_key_value_heads"] = 1;
  add_rope(config);
}

}  // namespace msmodelslim
