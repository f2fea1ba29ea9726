#include <fmt/format.h>

#include <algorithm>

#include "cli/traditional_families.h"

namespace msmodelslim {
namespace {

std::vector<std::string> of_layers(const std::string& prefix, int layers,
                                   const std::vector<std::string>& suffixes) {
  std::vector<std::string> names;
  for (int i = 0; i < layers; ++i)
    for (const std::string& suffix : suffixes)
      names.push_back(fmt::format("{}{}.{}", prefix, i, suffix));
  return names;
}

std::vector<std::string> llama_rollback(const std::string& model_type, int layers) {
  const std::string prefix = "model.layers.";
  const std::vector<std::string> first = {"self_attn.q_proj", "self_attn.k_proj",
                                          "self_attn.v_proj", "self_attn.o_proj",
                                          "mlp.gate_proj",    "mlp.up_proj"};
  std::vector<std::string> names;
  if (model_type != "llama3") names = of_layers(prefix, layers, {"mlp.down_proj"});
  if (model_type != "llama3" && model_type != "llama3.1_fp" && model_type != "llama3.1_instruct")
    return names;
  constexpr int kFirst = 5;
  for (std::string& name : of_layers(prefix, std::min(kFirst, layers), first))
    names.push_back(std::move(name));
  if (model_type == "llama3")
    for (std::string& name : of_layers(prefix, std::min(kFirst, layers), {"mlp.down_proj"}))
      names.push_back(std::move(name));
  names.emplace_back("lm_head");
  return names;
}

}  // namespace

std::vector<std::string> default_rollback(const Family& family, const std::string& model_type,
                                          const std::string& model_name, int a_bit, int layers) {
  const std::string& name = family.name;
  if (name == "qwen" || name == "qwen_pdmix") {
    if (a_bit != 8 && a_bit != 16) return {};
    std::vector<std::string> names = model_type == "qwen1"
                                         ? of_layers("transformer.h.", layers, {"mlp.c_proj"})
                                         : of_layers("model.layers.", layers, {"mlp.down_proj"});
    names.emplace_back("lm_head");
    return names;
  }
  if (name == "deepseek") {
    if (model_name != "deepseek_coder")
      return of_layers("model.layers.", layers, {"self_attn.kv_b_proj"});
    std::vector<std::string> names = of_layers("model.layers.", layers, {"mlp.down_proj"});
    names.emplace_back("lm_head");
    return names;
  }
  if (name == "hunyuan") return of_layers("model.layers.", layers, {"mlp.gate.wg"});
  if (a_bit != 8) return {};
  if (name == "llama") return llama_rollback(model_type, layers);
  if (name == "internlm2") return of_layers("model.layers.", layers, {"feed_forward.w2"});
  if (name == "glm") return of_layers("transformer.encoder.layers.", layers, {"mlp.dense_4h_to_h"});
  return {};
}

V0Anti anti_of(const Family& family, const std::string& model_type, const std::string& method,
               const V0Options& options, int layers) {
  const bool qwen = family.name == "qwen" || family.name == "qwen_pdmix";
  V0Anti anti;
  anti.method = method;
  if (method == "m3") {
    anti.w_bit = options.w_bit;
    anti.a_bit = options.a_bit;
    anti.w_sym = options.w_sym;
  }
  if (method != "m6") return anti;
  if (family.name == "qwen" || family.name == "llama")
    anti.disable_names = of_layers("model.layers.", layers, {"self_attn.o_proj"});
  if (!qwen) return anti;
  const bool pdmix = family.name == "qwen_pdmix";
  anti.alpha = model_type == "qwen3" ? 0.4 : pdmix ? 0.75 : 0.6;
  anti.beta = model_type == "qwen3" ? 0.325 : pdmix ? 0.1 : 0.3;
  return anti;
}

}  // namespace msmodelslim
