#pragma once
// Tiny models of the tree: whole, without some of their tensors, and run in float.

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/source.h"
#include "forward/run.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {

inline std::string tiny(const std::string& name) {
  return std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/" + name;
}

// A copy without the tensors that `left_out` names.
inline std::string tiny_without(const std::string& name,
                                const std::function<bool(const std::string&)>& left_out) {
  std::string folder = temp_path("cut_model");
  fs::remove_all(folder);
  fs::create_directory(folder);
  fs::copy(tiny(name) + "/config.json", folder + "/config.json");
  const CheckpointReader source(tiny(name));
  std::vector<NamedTensor> tensors;
  for (const std::string& tensor : source.names())
    if (!left_out(tensor)) tensors.push_back({tensor, source.at(tensor)});
  write_safetensors(folder + "/model.safetensors", tensors);
  return folder;
}

// Of the lines below `process:`.
inline Plan plan_of_entries(const std::string& entries) {
  return make_plan(parse_recipe("apiversion: modelslim_v1\nspec:\n  process:\n" + entries +
                                    "  save: [{type: ascendv1_saver}]\n",
                                "test.yaml"));
}

// A model, or what was made of one.
inline CheckpointReader opened(const std::string& folder) {
  return fs::exists(folder + "/quant_model_description.json") ? CheckpointReader(folder)
                                                              : open_source(folder);
}

inline PackedStates states_behind_decoders(const ModelSpec& model,
                                           const CheckpointReader& checkpoint,
                                           const std::vector<std::vector<std::int32_t>>& samples,
                                           LinearOp& op) {
  PackedStates states = embed_samples(model, checkpoint, samples);
  const RopeTable rope(model.rope, states.rows);
  Workspace workspace;
  for (std::size_t i = 0; i < model.decoders(); ++i) {
    Block block(model.blocks[i], checkpoint);
    run_block_on(model, block, states, true, rope, op, {}, workspace);
  }
  return states;
}

}  // namespace msmodelslim
