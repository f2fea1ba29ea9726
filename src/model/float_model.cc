#include "model/float_model.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/error.h"
#include "checkpoint/source.h"
#include "model/families/families.h"
#include "model/tensor_names.h"

namespace msmodelslim {
namespace {

constexpr const char* kLayers = "num_hidden_layers";

// Tensors of blocks behind the first `layers`, and of next-token layers that have another place.
void hide_later_blocks(const ModelConfig& config, CheckpointReader& checkpoint, int layers) {
  const FamilyRow* row = find_family(config.text_or("model_type", ""), config.architecture());
  const ModuleNames& names = row == nullptr ? kLlamaNames : *row->traits.names;
  const std::string prefix =
      fmt::format("{}{}.", names.prefix != nullptr ? names.prefix : tensor_names(checkpoint).prefix,
                  names.layers);
  checkpoint.hide([&](const std::string& name) {
    if (name.starts_with("mtp.") || name.starts_with("model.mtp.")) return true;
    return name.rfind(prefix, 0) == 0 && std::atoi(name.c_str() + prefix.size()) >= layers;
  });
}

}  // namespace

void keep_first_layers(Json& config, int layers) {
  const Json before = config.at(kLayers);
  for (auto& [key, value] : config.items())
    if (value.is_array() && Json(value.size()) == before &&
        (key.find("layer") != std::string::npos || key.ends_with("_types")))
      value.erase(value.begin() + layers, value.end());
  config[kLayers] = layers;
  if (config.contains("num_layers")) config["num_layers"] = layers;
  constexpr const char* kNextToken = "num_nextn_predict_layers";
  if (config.contains(kNextToken)) config[kNextToken] = 0;
}

FloatModel open_float_model(const std::string& folder, int layers) {
  ModelConfig config = ModelConfig::read(folder);
  CheckpointReader checkpoint = open_source(folder);
  if (layers > 0) {
    const std::int64_t all = config.size(kLayers);
    if (layers > all)
      throw UsageError(fmt::format("--layer_count {}: the model has {} layers", layers, all),
                       "give at most so many, or leave the option out");
    if (!read_json_file(config.path()).contains(kLayers))
      throw UsageError(
          fmt::format("--layer_count: {} has no \"{}\" of its own", config.path(), kLayers),
          "leave the option out; models that hold their text model inside are not cut");
    Json json = config.json();
    keep_first_layers(json, layers);
    config = ModelConfig(std::move(json), config.path());
    hide_later_blocks(config, checkpoint, layers);
  }
  ModelSpec spec = build_any_spec(config, checkpoint);
  return {std::move(config), std::move(checkpoint), std::move(spec)};
}

}  // namespace msmodelslim
