#pragma once
// Scripts of the traditional way that fix most of what they do: DeepSeek-V3 (W8A8, W4A8),
// Qwen3-MoE, W4A4 with FlatQuant; and HunYuan. Reference: traditional-v0, sections 1.3 to 1.5.

#include <string>
#include <vector>

#include "cli/traditional_families.h"
#include "model/spec.h"

namespace msmodelslim {

// The options that do not depend on the model; nothing for families that take them as arguments.
void set_script_options(const Family& family, bool dynamic, V0Options* options);

// Linears and attention modules that stay float. `fa_quant`: also those whose attention is known to
// suffer, by the name of the model in its path. `mix_mtp`: next-token layers are quantized.
std::vector<std::string> script_rollback(const Family& family, const ModelSpec& model,
                                         const std::string& model_path, bool fa_quant,
                                         bool mix_mtp);

// HunYuan's calibration texts.
std::vector<std::string> hunyuan_texts();

}  // namespace msmodelslim
