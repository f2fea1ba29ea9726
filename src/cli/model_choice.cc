#include "cli/model_choice.h"

#include <map>

#include "base/files.h"
#include "base/log.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

// config.json model_type of the models and pedigrees that have another name.
const std::map<std::string, std::string>& config_types() {
  static const std::map<std::string, std::string> types = {{"Qwen3.5-27B", "qwen3_5_text"},
                                                           {"Qwen3.6-27B", "qwen3_5_text"},
                                                           {"qwen3_5_moe", "qwen3_5_moe_text"},
                                                           {"deepseek_v3_2", "deepseek_v32"},
                                                           {"glm_5", "glm_moe_dsa"},
                                                           {"step_3_5_flash", "step3p5"},
                                                           {"qwen3_vl_moe", "qwen3_moe"},
                                                           {"qwen1_5", "qwen2"},
                                                           {"qwen2", "qwen2"},
                                                           {"qwen2_5", "qwen2"},
                                                           {"qwq", "qwen2"},
                                                           {"qwen3", "qwen3"},
                                                           {"qwen2_5_vl", "qwen2"},
                                                           {"qwen3_vl", "qwen3"},
                                                           {"glm4_6v", "glm4_moe"},
                                                           {"internvl3_5", "qwen3"},
                                                           {"internvl3_5_moe", "qwen3_moe"},
                                                           {"qwen2_5_omni_thinker", "qwen2"},
                                                           {"qwen3_omni_moe", "qwen3_moe"},
                                                           {"kimi_k2_5", "kimi_k2"}};
  return types;
}

// Nothing where the pedigree's name is that of config.json.
const std::string* other_config_type(const ModelType& type) {
  for (const std::string& key : {type.name, type.pedigrees.front()})
    if (const auto it = config_types().find(key); it != config_types().end()) return &it->second;
  return nullptr;
}

void warn_about_contradiction(const ModelType& type, const ModelConfig& config) {
  if (!type.known || type.pedigrees.empty()) return;
  const std::string* expected = other_config_type(type);
  const std::string found = config.text_or("model_type", "");
  if (expected == nullptr || found.empty() || *expected == found) return;
  std::vector<std::string> same_family;
  for (const std::string& name : model_type_names()) {
    const std::string* other = other_config_type(find_model_type(name));
    if (other != nullptr && *other == found) same_family.push_back(name);
  }
  log_warning("quant", "--model_type {} is a {} model, {} says \"{}\"{}", type.name, *expected,
              config.path(), found, did_you_mean(type.name, same_family));
}

}  // namespace

std::string config_type_of(const ModelType& type) {
  const std::string* other = other_config_type(type);
  return other == nullptr ? type.pedigrees.front() : *other;
}

ModelType choose_model_type(const std::optional<std::string>& given, const std::string& model_path,
                            const ModelConfig& config) {
  if (given) {
    ModelType type = find_model_type(*given);
    const std::string warning = unknown_model_type_warning(*given);
    if (!warning.empty()) log_warning("quant", "{}", warning);
    warn_about_contradiction(type, config);
    return type;
  }
  std::string name = fs::weakly_canonical(fs::absolute(model_path)).filename().string();
  ModelType type = find_model_type(name);
  if (type.known)
    log_info("quant", "model_type {} (the folder's name)", type.name);
  else
    log_info("quant", "no --model_type given: generic recipes for {}",
             config.text_or("model_type", config.architecture()));
  return type;
}

}  // namespace msmodelslim
