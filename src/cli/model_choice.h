#pragma once
// Which model_type a run is for, from what the user said and what the folder says.

#include <optional>
#include <string>

#include "model/config.h"
#include "recipe/model_types.h"

namespace msmodelslim {

// model_type of the config.json (for models that also see or hear: of the text model in it) of
// such a model.
std::string config_type_of(const ModelType& type);

// `given`: --model_type. Omitted: the folder's name when it is a known one, else the generic path.
// Warns about an unknown name and about one that contradicts config.json.
ModelType choose_model_type(const std::optional<std::string>& given, const std::string& model_path,
                            const ModelConfig& config);

}  // namespace msmodelslim
