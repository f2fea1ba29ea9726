#pragma once
// Latent attention and next-token-prediction layers out of config.json.

#include <string>

#include "checkpoint/reader.h"
#include "model/config.h"
#include "model/spec.h"

namespace msmodelslim {

// `attention`: the module's name. Uses hidden, heads and rope of `model`.
MlaSpec build_mla(const ModelConfig& config, const ModelSpec& model, std::int64_t layer,
                  const std::string& attention, bool bias);

// `block`: the layer's name; its own embedding and head only where the checkpoint has them.
MtpSpec build_mtp(const CheckpointReader& checkpoint, const std::string& block, std::int64_t hidden,
                  double eps);

}  // namespace msmodelslim
