#pragma once
// Which AscendV1 layout a modelslim_v1 plan asks for.

#include "pipeline/quantize_model.h"
#include "save/ascendv1_saver.h"

namespace msmodelslim {

// mindie_format_saver names its files by the type that represents the model.
void set_v1_layout(const QuantJob& job, const ModelSpec& model, AscendV1Options* options);

}  // namespace msmodelslim
