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

}  // namespace

bool Family::takes(const TraditionalArgument& row) const {
  const auto in = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), row.name) != list.end();
  };
  if (is_script()) return in(own);
  return !row.of_scripts && !in(lacks) && (row.name != "model_type" || !model_types.empty());
}

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
       "every mlp.gate.wg; experts are W8A8_DYNAMIC",
       "W8A8   --w_bit 8 --a_bit 8"},
      {"deepseek_w8a8",
       "example/DeepSeek/quant_deepseek_w8a8.py",
       {},
       {},
       4,
       "../common/deepseek_calib_prompt.json",
       1,
       "every self_attn.kv_b_proj, routers, the head; with --fa_quant the attention of some layers",
       "W8A8   --calib_dataset FILE.json --anti_dataset FILE.json --anti_method m4\n"
       "  + FA   --fa_quant\n  W8A8_DYNAMIC  --dynamic --disable_anti",
       {"model_path", "save_path", "layer_count", "anti_dataset", "calib_dataset", "batch_size",
        "from_fp8", "from_bf16", "fa_quant", "dynamic", "disable_anti", "anti_method", "quant_mtp",
        "rot", "mindie_format", "trust_remote_code"},
       "../common/deepseek_anti_prompt.json"},
      {"deepseek_w4a8",
       "example/DeepSeek/quant_deepseek_w4a8.py",
       {},
       {},
       4,
       "../common/deepseek_calib_prompt.json",
       1,
       "every self_attn.kv_b_proj, routers, the head; attention is W8A8, dense layers and shared "
       "experts W8A8_DYNAMIC, experts W4A8_DYNAMIC",
       "W4A8   --calib_dataset FILE.json --anti_dataset FILE.json",
       {"model_path", "save_path", "layer_count", "anti_dataset", "calib_dataset", "batch_size",
        "from_fp8", "from_bf16", "quant_mtp", "mindie_format", "trust_remote_code"},
       "../common/deepseek_anti_prompt.json"},
      {"qwen3_moe",
       "example/Qwen3-MOE/quant_qwen_moe_w8a8.py",
       {},
       {},
       4,
       "../common/qwen3-moe_calib_prompt_50.json",
       1,
       "every mlp.gate and the head; experts are W8A8_DYNAMIC, attention W8A8",
       "W8A8   --calib_dataset FILE.json --anti_dataset FILE.json [--rot]",
       {"model_path", "save_path", "layer_count", "anti_dataset", "calib_dataset", "batch_size",
        "rot", "mindie_format", "trust_remote_code"},
       "../common/qwen3-moe_anti_prompt_50.json"},
      {"w4a4",
       "example/Qwen/w4a4.py",
       {},
       {},
       4,
       "../common/wiki.jsonl",
       1,
       "every mlp.down_proj and the head; o_proj is W8A8_DYNAMIC",
       "W4A4 FlatQuant   --calib_file FILE.jsonl",
       {"model_path", "save_directory", "layer_count", "calib_file", "batch_size", "mindie_format",
        "trust_remote_code"}},
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
  throw UsageError(
      fmt::format("unknown family '{}'{}", name_or_script, did_you_mean(name_or_script, names)),
      fmt::format("known families: {}; or the path of their script, for example "
                  "example/Qwen/quant_qwen.py",
                  join_words(names)));
}

}  // namespace msmodelslim
