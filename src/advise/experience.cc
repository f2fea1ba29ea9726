#include "advise/experience.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "advise/tune_recipe.h"
#include "recipe/join_words.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

constexpr const char* kInt8Weight =
    "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}";
constexpr const char* kToken = "{dtype: int8, scope: per_token, symmetric: true, method: minmax}";

// Templates, by name.
const std::map<std::string, std::string>& templates() {
  static const std::map<std::string, std::string> known = {
      {"w8a8_default",
       fmt::format("{{act: {{dtype: int8, scope: per_tensor, symmetric: true, method: minmax}}, "
                   "weight: {}}}",
                   kInt8Weight)},
      {"w8a8_dynamic", fmt::format("{{act: {}, weight: {}}}", kToken, kInt8Weight)},
      {"w4a8_dynamic",
       fmt::format("{{act: {}, weight: {{dtype: int4, scope: per_channel, symmetric: true, "
                   "method: ssz}}}}",
                   kToken)}};
  return known;
}

constexpr const char* kFlexAwqSsz =
    "{type: flex_awq_ssz, qconfig: {act: {dtype: int8, scope: per_token, symmetric: true, method: "
    "minmax}, weight: {dtype: int4, scope: per_channel, symmetric: true, method: ssz, ext: {step: "
    "10}}}, enable_subgraph_type: [norm-linear, linear-linear, ov, up-down]}";

struct Expert {
  std::vector<std::string> anti;                  // lists of processors
  std::map<std::string, std::string> structures;  // -> template, "bf16": float
};

const Expert* expert_for(const std::string& quant_type) {
  static const std::map<std::string, Expert> table = {
      {"w8a8",
       {{"[{type: flex_smooth_quant}]", "[{type: iter_smooth}]"},
        {{"MHA", "w8a8_default"},
         {"GQA", "w8a8_default"},
         {"MLA", "w8a8_default"},
         {"FFN", "w8a8_dynamic"},
         {"MoE", "w8a8_dynamic"},
         {"DSA", "bf16"},
         {"SWA", "bf16"},
         {"GatedDeltaNet", "bf16"}}}},
      {"w4a8",
       {{fmt::format("[{}]", kFlexAwqSsz)},
        {{"MHA", "w8a8_default"},
         {"GQA", "w8a8_default"},
         {"MLA", "w8a8_default"},
         {"MoE", "w4a8_dynamic"},
         {"DSA", "bf16"},
         {"SWA", "bf16"},
         {"GatedDeltaNet", "bf16"}}}}};
  const auto found = table.find(quant_type);
  return found == table.end() ? nullptr : &found->second;
}

YamlValue linear_step(const std::string& qconfig, const std::vector<std::string>& include,
                      const std::vector<std::string>& exclude) {
  YamlValue step = YamlValue::map();
  step.add("type", YamlValue::of_text("linear_quant"));
  step.add("qconfig", parse_yaml(qconfig, "experience"));
  step.add("include", text_list(include));
  if (!exclude.empty()) step.add("exclude", text_list(exclude));
  return step;
}

YamlValue spec_of(YamlValue process) {
  YamlValue spec =
      parse_yaml("{dataset: mix_calib.jsonl, save: [{type: ascendv1_saver, part_file_size: 4}]}",
                 "experience");
  spec.add("process", std::move(process));
  return spec;
}

struct Structure {
  std::string chosen;  // template
  std::vector<std::string> include;
  std::vector<std::string> exclude;
};

std::vector<Structure> read_structures(const YamlValue& list, const std::string& path,
                                       const std::string& quant_type, const Expert& expert,
                                       Problems* problems) {
  std::vector<Structure> structures;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    Fields fields(list.items[i], fmt::format("{}.{}", path, i), problems);
    const std::string type = fields.text("type", "", 200);
    Structure structure;
    structure.include = fields.texts("include", 200, false).value_or(std::vector<std::string>());
    structure.exclude = fields.texts("exclude", 200, true).value_or(std::vector<std::string>());
    fields.finish();
    const auto found = expert.structures.find(type);
    if (found == expert.structures.end()) {
      std::vector<std::string> names;
      for (const auto& [name, chosen] : expert.structures) names.push_back(name);
      fields.problem("type", fmt::format("no experience with '{}' for {}; known: {}", type,
                                         quant_type, join_words(names)));
      continue;
    }
    if (structure.include.empty()) fields.problem("include", "needs one pattern at least");
    structure.chosen = found->second;
    structures.push_back(std::move(structure));
  }
  return structures;
}

}  // namespace

YamlValue default_template() {
  YamlValue process = YamlValue::list();
  process.items.push_back(linear_step(
      fmt::format("{{act: {{dtype: int8, scope: per_tensor, symmetric: false, method: minmax}}, "
                  "weight: {}}}",
                  kInt8Weight),
      {"*"}, {}));
  return spec_of(std::move(process));
}

YamlValue bits_label(int weight, int activation) {
  YamlValue label = YamlValue::map();
  label.add("w_bit", YamlValue::of_int(weight));
  label.add("a_bit", YamlValue::of_int(activation));
  return label;
}

StandingHigh with_experience(Fields& fields, Problems* problems) {
  const std::string quant_type = fields.text("quant_type", "w8a8", 200);
  const YamlValue* list = fields.list("structure_configs");
  StandingHigh result;
  const Expert* expert = expert_for(quant_type);
  if (expert == nullptr) {
    fields.problem("quant_type", "must be w8a8 or w4a8");
    return result;
  }
  if (list == nullptr || list->items.empty()) {
    fields.problem("structure_configs", "needs one structure at least: {type, include}");
    return result;
  }
  const auto structures =
      read_structures(*list, fields.path_of("structure_configs"), quant_type, *expert, problems);
  std::vector<std::string> left;  // in float
  for (const Structure& structure : structures)
    if (structure.chosen == "bf16")
      left.insert(left.end(), structure.include.begin(), structure.include.end());
  YamlValue process = YamlValue::list();
  for (const Structure& structure : structures) {
    if (structure.chosen == "bf16") continue;
    std::vector<std::string> exclude = structure.exclude;
    exclude.insert(exclude.end(), left.begin(), left.end());
    process.items.push_back(
        linear_step(templates().at(structure.chosen), structure.include, exclude));
  }
  if (process.items.empty() && !structures.empty())
    fields.problem("structure_configs", "leaves nothing to quantize");
  result.base = recipe_of_spec(spec_of(std::move(process)), "standing_high_with_experience");
  result.base.metadata.label = bits_label(quant_type == "w4a8" ? 4 : 8, 8);
  for (const std::string& anti : expert->anti)
    result.anti.push_back(parse_yaml(anti, "experience"));
  return result;
}

}  // namespace msmodelslim
