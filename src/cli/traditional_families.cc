#include "cli/traditional_families.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "recipe/join_words.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

const std::vector<std::string> kQwenOnly = {"layer_count", "w_method"};
const std::vector<std::string> kQwenLlama = {"anti_calib_file", "disable_threshold", "pdmix"};

std::vector<std::string> without(std::vector<std::string> base,
                                 const std::vector<std::string>& more) {
  base.insert(base.end(), more.begin(), more.end());
  return base;
}

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

const std::vector<Family>& traditional_families() {
  static const std::string w8a8 = "--w_bit 8 --a_bit 8 --calib_file example/common/boolq.jsonl";
  static const std::string sparse =
      "W8A8S  --w_bit 4 --a_bit 8 --is_lowbit True --use_sigma True --fraction 0.011 --calib_file "
      "example/common/cn_en.jsonl";
  static const std::string w4a16 =
      "W4A16  --w_bit 4 --a_bit 16 --is_lowbit True --open_outlier False --group_size 128 "
      "--anti_method m3";
  static const std::vector<std::string> small =
      without(without(kQwenOnly, kQwenLlama), {"model_type"});
  static const std::vector<std::string> no_anti_file = without(small, {"anti_file"});
  static const std::vector<Family> families = {
      {"qwen",
       "example/Qwen/quant_qwen.py",
       {"anti_file", "mm_tensor"},
       {"qwen2", "qwen1", "qwen1.5", "qwen2.5", "qwen3"},
       0,
       "example/common/teacher_qualification.jsonl",
       1,
       "with a_bit 8 or 16: lm_head and every mlp.down_proj (qwen1: mlp.c_proj)",
       "W8A8   " + w8a8 + "\n  " + sparse + "\n  " + w4a16 +
           "\n  W4A8   --w_bit 4 --is_dynamic True --is_lowbit True --open_outlier False "
           "--group_size 32 --anti_method m3"},
      {"qwen_pdmix",
       "example/Qwen/quant_qwen_pdmix.py",
       {"anti_file", "mm_tensor"},
       {"qwen2", "qwen1", "qwen1.5", "qwen2.5", "qwen3"},
       4,
       "example/common/teacher_qualification.jsonl",
       1,
       "with a_bit 8 or 16: lm_head and every mlp.down_proj (qwen1: mlp.c_proj)",
       "W8A8_MIX + C8  --act_method 2 --anti_method m6 --use_kvcache_quant True --pdmix True "
       "--calib_file FILE.json"},
      {"llama",
       "example/Llama/quant_llama.py",
       without(kQwenOnly, {"anti_file"}),
       {"llama2", "llama", "llama3", "llama3.1_bf", "llama3.1_fp", "llama3.1_instruct"},
       0,
       "example/common/teacher_qualification.jsonl",
       1,
       "with a_bit 8: every mlp.down_proj; llama3: all linears of layers 0 to 4 and lm_head; "
       "llama3.1_fp, llama3.1_instruct: both",
       "W8A8   " + w8a8 + "\n  " + sparse +
           "\n  W8A16  --w_bit 8 --a_bit 16 --w_sym False "
           "--anti_method m3 --act_method 3"},
      {"internlm2",
       "example/InternLM2/quant_internlm2.py",
       without(small, {}),
       {},
       0,
       "example/common/teacher_qualification.jsonl",
       1,
       "with a_bit 8: every feed_forward.w2",
       "W8A8   " + w8a8 + "\n  W8A8 + C8  --use_kvcache_quant True --disable_level L5"},
      {"glm",
       "example/GLM/quant_glm.py",
       without(small, {}),
       {},
       0,
       "example/common/teacher_qualification.jsonl",
       1,
       "with a_bit 8: every mlp.dense_4h_to_h",
       "W8A8 + C8  --act_method 2 --use_kvcache_quant True"},
      {"gpt_neox",
       "example/GPT-NeoX/quant_gpt_neox.py",
       without(no_anti_file, {"mm_tensor"}),
       {},
       0,
       "example/common/boolq.jsonl",
       3,
       "nothing",
       "W8A8   " + w8a8},
      {"deepseek",
       "example/DeepSeek/quant_deepseek.py",
       no_anti_file,
       {},
       5,
       "example/common/teacher_qualification.jsonl",
       1,
       "every self_attn.kv_b_proj; --model_name deepseek_coder: every mlp.down_proj and lm_head",
       "W8A8 + C8  --act_method 2 --anti_method m2 --use_kvcache_quant True --model_name "
       "deepseek_coder"},
      {"hunyuan",
       "example/HunYuan/quant_hunyuan.py",
       without(no_anti_file, {"calib_texts", "calib_file", "tp_size"}),
       {},
       5,
       "",
       1,
       "every mlp.gate.wg",
       "W8A8   --w_bit 8 --a_bit 8"},
  };
  return families;
}

const Family& find_family(const std::string& name_or_script) {
  std::vector<std::string> names;
  for (const Family& family : traditional_families()) {
    if (name_or_script == family.name || name_or_script == family.script ||
        name_or_script.ends_with("/" + family.script) ||
        family.script.ends_with("/" + name_or_script))
      return family;
    names.push_back(family.name);
  }
  for (const char* later : {"quant_deepseek_w8a8.py", "quant_deepseek_w4a8.py",
                            "quant_qwen_moe_w8a8.py", "w4a4.py", "qwen3_moe"})
    if (name_or_script.ends_with(later))
      throw UsageError(fmt::format("the traditional way of {} is not built yet", later),
                       fmt::format("known families: {}", join_words(names)));
  throw UsageError(
      fmt::format("unknown family '{}'{}", name_or_script, did_you_mean(name_or_script, names)),
      fmt::format("known families: {}; or the path of their script, for example "
                  "example/Qwen/quant_qwen.py",
                  join_words(names)));
}

const std::vector<TraditionalArgument>& traditional_arguments() {
  static const std::vector<TraditionalArgument> table = {
      {"model_path", "text", "", "float model folder"},
      {"save_directory", "text", "", "folder for the result"},
      {"part_file_size", "int", "", "GiB of a weight file; absent: one file"},
      {"calib_texts", "texts", "", "calibration texts, used when there is no file"},
      {"calib_file", "text", "", "calibration set (.jsonl, .json); none: without data"},
      {"anti_calib_file", "text", "", "calibration set of outlier suppression"},
      {"anti_file", "text", "", "calibration set of outlier suppression"},
      {"w_bit", "int", "8", "bits of weights: 4, 8"},
      {"a_bit", "int", "8", "bits of activations: 8, 16"},
      {"disable_names", "texts", "", "linears that stay float, by their exact names"},
      {"device_type", "text", "cpu", "cpu or npu; the output does not depend on it"},
      {"fraction", "real", "0.01", "sparse: share of the outliers, 0.01 to 0.1"},
      {"act_method", "int", "1", "1 min-max, 2 histogram, 3 the better one for each linear"},
      {"co_sparse", "bool", "False", "sparse W8A8S"},
      {"anti_method", "text", "", "outlier suppression: m1 to m6"},
      {"disable_level", "text", "L0", "L<n>: the n most sensitive linears stay float"},
      {"input_ids_name", "text", "input_ids", "no effect"},
      {"attention_mask_name", "text", "attention_mask", "no effect"},
      {"tokenizer_args", "text", "", "JSON object; no effect, samples are never padded"},
      {"model_name", "text", "", "deepseek_coder chooses its rollback"},
      {"model_type", "text", "", "chooses rollback and smoothing"},
      {"disable_threshold", "real", "0", "only 0"},
      {"do_smooth", "bool", "False", "only False"},
      {"use_sigma", "bool", "False", "lowbit: outliers by deviation"},
      {"sigma_factor", "real", "3.0", "of use_sigma, 3 to 4"},
      {"is_lowbit", "bool", "False", "sparse W8A8S, or weights in groups"},
      {"mm_tensor", "bool", "True", "no effect: always one scale per output row"},
      {"w_sym", "bool", "True", "symmetric weights"},
      {"use_kvcache_quant", "bool", "False", "int8 KV cache"},
      {"use_fa_quant", "bool", "False", "only False"},
      {"fa_amp", "int", "0", "no effect"},
      {"open_outlier", "bool", "True", "False with is_lowbit: weights in groups"},
      {"group_size", "int", "64", "32, 64, 128, 256"},
      {"is_dynamic", "bool", "False", "activation scales per token"},
      {"disable_last_linear", "bool", "True", "the head stays float"},
      {"use_reduce_quant", "bool", "False", "no effect"},
      {"tp_size", "int", "1", "no effect"},
      {"pdmix", "bool", "False", "W8A8_MIX"},
      {"layer_count", "int", "0", "the default rollback ends behind so many layers; 0: all"},
      {"w_method", "text", "MinMax", "MinMax, GPTQ, HQQ"},
      {"trust_remote_code", "bool", "False", "accepted; nothing of the model is executed"},
      {"mindie_format", "flag", "", "the layout of old MindIE versions"},
  };
  return table;
}

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
