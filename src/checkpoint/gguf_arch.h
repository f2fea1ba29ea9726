#pragma once
// What a GGUF model is in Hugging Face terms: its config.json and the name of every weight.
//
// Architectures: "llama" (LlamaForCausalLM; MistralForCausalLM when a sliding window is set),
// "qwen2" (biases on q, k, v) and "qwen3" (norms on q and k).

#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/gguf.h"

namespace msmodelslim {

struct GgufArch {
  std::string name;        // general.architecture
  std::string model_type;  // of config.json
  std::string model_class;
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t intermediate = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t vocab = 0;  // rows of the embedding
  std::int64_t context = 0;
  bool qkv_bias = false;
  bool output_bias = false;  // attention output projection
  bool mlp_bias = false;
  bool qk_norm = false;
  bool tied = false;         // no output.weight: the head shares the embedding
  bool interleaved = false;  // q and k rows are in ggml's interleaved rotary order
};

// Throws DataError for an architecture or a variant that is not supported.
GgufArch read_gguf_arch(const GgufModel& model);

// config.json without token ids and dtype.
Json gguf_config(const GgufModel& model, const GgufArch& arch);

struct GgufWeight {
  std::string source;             // "blk.0.attn_q.weight"
  std::string target;             // "model.layers.0.self_attn.q_proj.weight"
  std::int64_t rotary_heads = 0;  // > 0: rows are to be put back into half-split rotary order
};

// Every weight of the model in the order in which it is computed. Throws DataError for a missing
// tensor, a shape that config.json contradicts, and a tensor that no weight uses.
std::vector<GgufWeight> gguf_weights(const GgufModel& model, const GgufArch& arch);

}  // namespace msmodelslim
