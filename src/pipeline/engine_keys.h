#pragma once
// Keys that engines of some families look for in config.json (formats reference 1.7).

#include <string>

#include "pipeline/quantize_model.h"

namespace msmodelslim {

// DeepSeek-V3 and Kimi-K2 with W4A8 linears, in the AscendV1 format: mtp_quantize (DeepSeek),
// quantize, moe_quantize, mla_quantize. `folder` holds a copy of config.json.
void note_engine_keys(const QuantJob& job, const ModelSpec& model, const std::string& folder);

}  // namespace msmodelslim
