// Names and shapes of the weights: the GGUF name on the left, the Hugging Face name on the right.
//
//   token_embd.weight                model.embed_tokens.weight                  [vocab, hidden]
//   blk.N.attn_norm.weight           model.layers.N.input_layernorm.weight      [hidden]
//   blk.N.attn_q.weight              model.layers.N.self_attn.q_proj.weight     [heads*dim, hidden]
//   blk.N.attn_k.weight              ...            self_attn.k_proj.weight     [kv*dim, hidden]
//   blk.N.attn_v.weight              ...            self_attn.v_proj.weight     [kv*dim, hidden]
//   blk.N.attn_q_norm.weight         ...            self_attn.q_norm.weight     [dim]
//   blk.N.attn_k_norm.weight         ...            self_attn.k_norm.weight     [dim]
//   blk.N.attn_output.weight         ...            self_attn.o_proj.weight     [hidden, heads*dim]
//   blk.N.ffn_norm.weight            ...            post_attention_layernorm.weight
//   blk.N.ffn_gate|up|down.weight    ...            mlp.gate|up|down_proj.weight
//   output_norm.weight               model.norm.weight                          [hidden]
//   output.weight                    lm_head.weight (absent: tied to the embedding)
//   rope_freqs.weight                rope_scaling of config.json (see gguf_rope.h)
#include <set>

#include "base/error.h"
#include "checkpoint/gguf_arch.h"

namespace msmodelslim {
namespace {

class WeightList {
 public:
  explicit WeightList(const GgufModel& model) : model_(model) {}

  void add(const std::string& source, const std::string& target, const Shape& shape,
           std::int64_t rotary_heads = 0) {
    const GgufTensor& tensor = *model_.at(source).tensor;
    if (tensor.shape != shape)
      throw DataError(
          fmt::format("{}: tensor \"{}\" has shape {}, {} was expected", model_.metadata().where(),
                      source, shape_text(tensor.shape), shape_text(shape)),
          "the metadata of the file do not fit its tensors; download it again");
    weights_.push_back({source, target, rotary_heads});
    used_.insert(source);
  }

  // A linear layer: [out, in] weight and, when `bias`, an [out] bias.
  void add_linear(const std::string& source, const std::string& target, std::int64_t out,
                  std::int64_t in, bool bias, std::int64_t rotary_heads = 0) {
    add(source + ".weight", target + ".weight", {out, in}, rotary_heads);
    if (bias) add(source + ".bias", target + ".bias", {out}, rotary_heads);
  }

  std::vector<GgufWeight> finish() {
    for (const auto& [name, place] : model_.tensors())
      if (used_.count(name) == 0 && name != "rope_freqs.weight")
        throw DataError(fmt::format("{}: tensor \"{}\" is no part of this architecture",
                                    model_.metadata().where(), name),
                        "the model is a variant that cannot be converted; start from its Hugging "
                        "Face folder");
    return std::move(weights_);
  }

 private:
  const GgufModel& model_;
  std::vector<GgufWeight> weights_;
  std::set<std::string> used_;
};

void add_layer(WeightList& list, const GgufArch& arch, std::int64_t index) {
  const std::string from = fmt::format("blk.{}.", index);
  const std::string to = fmt::format("model.layers.{}.", index);
  const std::string attention = to + "self_attn.";
  const std::int64_t q = arch.heads * arch.head_dim;
  const std::int64_t kv = arch.kv_heads * arch.head_dim;
  const std::int64_t hidden = arch.hidden;

  list.add(from + "attn_norm.weight", to + "input_layernorm.weight", {hidden});
  list.add_linear(from + "attn_q", attention + "q_proj", q, hidden, arch.qkv_bias,
                  arch.interleaved ? arch.heads : 0);
  list.add_linear(from + "attn_k", attention + "k_proj", kv, hidden, arch.qkv_bias,
                  arch.interleaved ? arch.kv_heads : 0);
  list.add_linear(from + "attn_v", attention + "v_proj", kv, hidden, arch.qkv_bias);
  if (arch.qk_norm) {
    list.add(from + "attn_q_norm.weight", attention + "q_norm.weight", {arch.head_dim});
    list.add(from + "attn_k_norm.weight", attention + "k_norm.weight", {arch.head_dim});
  }
  list.add_linear(from + "attn_output", attention + "o_proj", hidden, q, arch.output_bias);
  list.add(from + "ffn_norm.weight", to + "post_attention_layernorm.weight", {hidden});
  for (const char* part : {"gate", "up"})
    list.add_linear(fmt::format("{}ffn_{}", from, part), fmt::format("{}mlp.{}_proj", to, part),
                    arch.intermediate, hidden, arch.mlp_bias);
  list.add_linear(from + "ffn_down", to + "mlp.down_proj", hidden, arch.intermediate,
                  arch.mlp_bias);
}

}  // namespace

std::vector<GgufWeight> gguf_weights(const GgufModel& model, const GgufArch& arch) {
  WeightList list(model);
  list.add("token_embd.weight", "model.embed_tokens.weight", {arch.vocab, arch.hidden});
  for (std::int64_t i = 0; i < arch.layers; ++i) add_layer(list, arch, i);
  list.add("output_norm.weight", "model.norm.weight", {arch.hidden});
  if (!arch.tied) list.add("output.weight", "lm_head.weight", {arch.vocab, arch.hidden});
  return list.finish();
}

}  // namespace msmodelslim
