#pragma once
// Next-token-prediction layers out of config.json and the names of the checkpoint.

#include <string>

#include "checkpoint/reader.h"
#include "model/config.h"
#include "model/spec.h"

namespace msmodelslim {

// "model.layers.61", or "mtp.0" of models with several streams. Uses the sizes and the names of
// embedding and head of `model`.
std::string mtp_name(const ModelSpec& model, const std::string& layers, std::int64_t index);
// False: the file leaves the layer out.
bool has_mtp(const ModelSpec& model, const CheckpointReader& checkpoint, const std::string& block);
MtpSpec build_mtp(const ModelConfig& config, const ModelSpec& model,
                  const CheckpointReader& checkpoint, const std::string& block, double eps);

}  // namespace msmodelslim
