#pragma once
// Recognizes architectures that are Llama's under another name, by tensors and keys of config.json.
// Only what can be told apart is accepted: all tensors of the layers are Llama's (with or without
// biases and norms of queries and keys), and config.json has no key whose meaning is unknown.

#include <optional>
#include <string>

#include "checkpoint/reader.h"
#include "model/config.h"
#include "model/families/families.h"

namespace msmodelslim {

struct LlamaShape {
  std::optional<FamilyRow> row;
  std::string difference;  // the first one, when there is no row
};

LlamaShape llama_shape(const ModelConfig& config, const CheckpointReader& checkpoint);

}  // namespace msmodelslim
