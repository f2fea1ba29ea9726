#include "recipe/model_types.h"

#include <fmt/format.h>

#include "recipe/join_words.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

struct Row {
  std::vector<std::string_view> names;
  std::vector<std::string_view> pedigrees;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {{"default"}, {"default"}},
      {{"DeepSeek-V3", "DeepSeek-V3-0324", "DeepSeek-R1", "DeepSeek-R1-0528", "DeepSeek-V3.1",
        "DeepSeek-V3.1-Terminus"},
       {"deepseek_v3"}},
      {{"DeepSeek-V3.2-Exp", "DeepSeek-V3.2"}, {"deepseek_v3_2"}},
      {{"DeepSeek-V4-Flash", "DeepSeek-V4-Pro"}, {"deepseek_v4"}},
      {{"GLM-5", "GLM-5.1"}, {"glm_5"}},
      {{"Qwen1.5-110B"}, {"qwen1_5"}},
      {{"Qwen2-7B", "Qwen2-7B-Instruct", "Qwen2-72B"}, {"qwen2"}},
      {{"Qwen2.5-7B-Instruct", "Qwen2.5-32B-Instruct", "Qwen2.5-72B-Instruct",
        "Qwen2.5-Coder-7B-Instruct"},
       {"qwen2_5"}},
      {{"DeepSeek-R1-Distill-Qwen-1.5B", "DeepSeek-R1-Distill-Qwen-7B"},
       {"qwen2_5", "deepseek-r1-distill"}},
      {{"Qwen3-8B", "Qwen3-14B", "Qwen3-32B"}, {"qwen3"}},
      {{"Qwen3-30B", "Qwen3-235B", "Qwen3-Coder-480B-A35B"}, {"qwen3_moe"}},
      {{"Qwen-QwQ-32B", "QwQ-32B"}, {"qwq"}},
      {{"Qwen3-Next-80B-A3B-Instruct"}, {"qwen3_next"}},
      {{"Qwen3-VL-4B-Instruct", "Qwen3-VL-32B-Instruct", "Qwen3-VL-Embedding-2B",
        "Qwen3-VL-Embedding-8B", "Qwen3-VL-Reranker-2B", "Qwen3-VL-Reranker-8B"},
       {"qwen3_vl"}},
      {{"Qwen3-VL-30B-A3B", "Qwen3-VL-235B-A22B"}, {"qwen3_vl_moe"}},
      {{"Qwen3-Omni-30B-A3B-Thinking", "Qwen3-Omni-30B-A3B-Instruct"}, {"qwen3_omni_moe"}},
      {{"Qwen3.5-397B-A17B", "Qwen3.5-27B", "Qwen3.5-122B-A10B", "Qwen3.5-35B-A3B", "Qwen3.6-27B"},
       {"qwen3_5_moe"}},
      {{"Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL-32B-Instruct", "Qwen2.5-VL-72B-Instruct"},
       {"qwen2_5_vl", "qwen25_vl"}},
      {{"Qwen2.5-Omni-7B"}, {"qwen2_5_omni_thinker"}},
      {{"GLM-4.5", "GLM-4.6", "GLM-4.7"}, {"glm4_moe"}},
      {{"GLM-4.7-Flash"}, {"glm4_moe_lite"}},
      {{"GLM-4.6V"}, {"glm4_6v"}},
      {{"Kimi-K2-Instruct-0905", "Kimi-K2-Thinking"}, {"kimi_k2"}},
      {{"Kimi-K2.5", "Kimi-K2.6"}, {"kimi_k2_5"}},
      {{"InternVL3_5-38B"}, {"internvl3_5"}},
      {{"InternVL3_5-241B-A28B"}, {"internvl3_5_moe"}},
      {{"MiniMax-M2.7"}, {"minimax_m2"}},
      {{"LongCat-Flash-Chat"}, {"longcat_flash"}},
      {{"Step-3.5-Flash"}, {"step_3_5_flash", "step3_5_flash"}},
      {{"FLUX.1-dev"}, {"flux1"}},
      {{"Qwen-Image-Edit-2509"}, {"qwen_image_edit"}},
      {{"Wan2.1"}, {"wan2_1"}},
      {{"Wan2.2", "Wan2.2-T2V-A14B", "Wan2.2-I2V-A14B", "Wan2.2-TI2V-5B"}, {"wan2_2"}},
      {{"HunyuanVideo"}, {"hunyuan_video"}},
  };
  return table;
}

struct Alias {
  std::string_view name;
  std::string_view meant;
};

constexpr Alias kAliases[] = {
    {"Wan2_1", "Wan2.1"},
    {"Wan2_2", "Wan2.2"},
    {"hunyuan_video", "HunyuanVideo"},
    {"hunyuan-video", "HunyuanVideo"},
    {"hunyuanvideo", "HunyuanVideo"},
};

}  // namespace

ModelType find_model_type(std::string_view name) {
  std::string_view meant = name;
  for (const Alias& alias : kAliases)
    if (alias.name == name) meant = alias.meant;
  for (const Row& row : rows())
    for (std::string_view known : row.names)
      if (known == meant)
        return {std::string(known), {row.pedigrees.begin(), row.pedigrees.end()}, true};
  return {std::string(name), {std::string(kDefaultPedigree)}, false};
}

std::vector<std::string> model_type_names() {
  std::vector<std::string> names;
  for (const Row& row : rows()) names.insert(names.end(), row.names.begin(), row.names.end());
  return names;
}

std::string unknown_model_type_warning(std::string_view name) {
  if (find_model_type(name).known) return "";
  const auto nearest = nearest_names(name, model_type_names(), 3);
  std::string warning = fmt::format(
      "model type '{}' is not in the support matrix; the generic recipes are used", name);
  if (!nearest.empty())
    warning += fmt::format(" (nearest names, case counts: {})", join_words(nearest));
  return warning;
}

}  // namespace msmodelslim
