#pragma once
// Latent attention out of config.json.

#include <string>

#include "model/config.h"
#include "model/spec.h"

namespace msmodelslim {

// `attention`: the module's name. Uses hidden, heads and rope of `model`.
MlaSpec build_mla(const ModelConfig& config, const ModelSpec& model, std::int64_t layer,
                  const std::string& attention, bool bias);

}  // namespace msmodelslim
