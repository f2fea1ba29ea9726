#include "cli/model_choice.h"

#include <map>

#include "base/files.h"
#include "base/log.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

// config.json model_type of the pedigrees that have another name.
const std::map<std::string, std::string>& config_types() {
  static const std::map<std::string, std::string> types = {{"qwen1_5", "qwen2"},
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

void warn_about_contradiction(const ModelType& type, const ModelConfig& config) {
  if (!type.known || type.pedigrees.empty()) return;
  const auto expected = config_types().find(type.pedigrees.front());
  const std::string found = config.text_or("model_type", "");
  if (expected == config_types().end() || found.empty() || expected->second == found) return;
  std::vector<std::string> same_family;
  for (const std::string& name : model_type_names()) {
    const ModelType other = find_model_type(name);
    const auto it = config_types().find(other.pedigrees.front());
    if (it != config_types().end() && it->second == found) same_family.push_back(name);
  }
  log_warning("quant", "--model_type {} is a {} model, {} says \"{}\"{}", type.name,
              expected->second, config.path(), found, did_you_mean(type.name, same_family));
}

}  // namespace

std::string config_type_of(const ModelType& type) {
  const std::string& pedigree = type.pedigrees.front();
  const auto it = config_types().find(pedigree);
  return it == config_types().end() ? pedigree : it->second;
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
