#pragma once
// A small model of an architecture that nobody knows: linears with and without biases, a router,
// experts in one tensor, a tower for images.

#include <fstream>
#include <map>
#include <random>
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "tensor/codec.h"

namespace msmodelslim {

// GPT-like names.
inline void fill_unknown(const std::function<void(const std::string&, const Shape&)>& add,
                         int layers = 2) {
  add("transformer.wte.weight", {96, 32});
  for (int layer = 0; layer < layers; ++layer) {
    const std::string h = "transformer.h." + std::to_string(layer) + ".";
    add(h + "attn.query_key_value.weight", {96, 32});
    add(h + "attn.query_key_value.bias", {96});
    add(h + "attn.dense.weight", {32, 32});
    add(h + "ln_1.weight", {32});
    add(h + "moe.gate.weight", {16, 32});
    add(h + "moe.experts.0.w1.weight", {64, 32});
    add(h + "moe.experts.gate_up", {4, 32, 64});
  }
  add("visual.blocks.0.attn.qkv.weight", {96, 32});
  add("lm_head.weight", {96, 32});
}

// Random values; another seed gives others.
inline Tensor random_tensor(const Shape& shape, DType dtype, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, 0.1F);
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& value : values) value = normal(generator);
  return from_f32(values.data(), shape, dtype);
}

inline void write_model(const std::string& folder, const Json& config,
                        const std::map<std::string, Tensor>& tensors) {
  fs::create_directories(folder);
  std::ofstream(folder + "/config.json") << config.dump();
  std::vector<NamedTensor> list;
  for (const auto& [name, tensor] : tensors) list.push_back({name, tensor.view()});
  write_safetensors(folder + "/model.safetensors", list);
}

inline void write_unknown_model(const std::string& folder, int layers) {
  std::map<std::string, Tensor> tensors;
  fill_unknown(
      [&](const std::string& name, const Shape& shape) {
        tensors[name] =
            random_tensor(shape, DType::kBF16, static_cast<unsigned>(tensors.size()) + 1);
      },
      layers);
  write_model(folder,
              {{"model_type", "newthing"}, {"architectures", {"NewThing"}}, {"vocab_size", 96}},
              tensors);
}

}  // namespace msmodelslim
