#pragma once
// A model folder that is to be quantized, with what is known about it.

#include "model/build.h"

namespace msmodelslim {

struct FloatModel {
  ModelConfig config;
  CheckpointReader checkpoint;
  ModelSpec spec;
};

// Also architectures without a forward pass, see build_any_spec(). `layers` > 0: as if the model
// had only its first so many decoder blocks, and no next-token layers. Throws UsageError for more
// than there are.
FloatModel open_float_model(const std::string& folder, int layers = 0);

// What config.json says, for the first `layers` blocks alone: the number of layers, lists with a
// value per layer.
void keep_first_layers(Json& config, int layers);

}  // namespace msmodelslim
