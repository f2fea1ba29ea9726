#include "cli/traditional_scripts.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/log.h"

namespace msmodelslim {
namespace {

using Mix = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kDynamicStem = "quant_model_weight_w8a8_dynamic";

// Experts and dense layers per token, the rest static.
const Mix kMlpDynamic = {{"*.mlp.*", "w8a8_dynamic"}, {"*", "w8a8"}};

void set_deepseek(V0Options* o) {
  o->safetensors_name = kDynamicStem;
  o->says_type = "W8A8_DYNAMIC";
  o->fa_type = "FAKQuant";
  o->config_marks = {{"mla_quantize", "w8a8"}, {"quantize", "w8a8_dynamic"}};
}

void set_w4a8(V0Options* o) {
  o->w_bit = 4;
  o->is_dynamic = true;
  o->is_lowbit = true;
  o->open_outlier = false;
  o->use_sigma = true;
  o->group_size = 256;
  o->mixes = true;
  o->mix_cfg = {{"*.mlp.shared_experts.*", "w8a8_dynamic"},
                {"*.mlp.experts.*", "w4a8_dynamic"},
                {"*.mlp.*", "w8a8_dynamic"},
                {"*", "w8a8"}};
  o->config_marks.emplace_back("moe_quantize", "w4a8_dynamic");
}

void set_w4a4(V0Options* o) {
  o->w_bit = 4;
  o->a_bit = 4;
  o->is_dynamic = true;
  o->mix_cfg = {{"*.o_proj", "w8a8_dynamic"}};
  o->config_marks = {{"quantize", "w4a4_flatquant_dynamic"}};
}

struct FaRow {
  const char* name;  // in capitals
  std::vector<int> layers;
};

// The first name in the path wins.
const std::vector<int>& float_attentions(const std::string& model_path) {
  static const std::vector<FaRow> rows = {
      {"R1", {0, 1, 2, 46, 47, 50, 54, 55, 56, 57, 58, 59, 60}},
      {"V3.1", {0, 1, 2, 50, 51, 53, 54, 55, 56, 57, 58, 59, 60}},
      {"V3", {0, 1, 2, 46, 50, 51, 53, 54, 55, 56, 57, 59, 60}},
      {"", {}}};
  const std::string path = ascii_upper(model_path);
  std::size_t i = 0;
  while (path.find(rows[i].name) == std::string::npos) ++i;
  log_info("traditional", "--fa_quant: {} attention modules stay float, by the name '{}' in {}",
           rows[i].layers.size(), rows[i].name, model_path);
  return rows[i].layers;
}

}  // namespace

void set_script_options(const Family& family, bool dynamic, V0Options* options) {
  V0Options& o = *options;
  if (family.name == "hunyuan") {
    o.mix_cfg = {{"*.experts.*", "w8a8_dynamic"}, {"*", "w8a8"}};
    o.config_marks = {{"quantize", "w8a8"}, {"moe_quantize", "w8a8_dynamic"}};
  }
  if (!family.is_script()) return;
  o.part_file_size = family.part_file_size;
  if (family.name == "w4a4") {
    set_w4a4(options);
    return;
  }
  if (family.name == "qwen3_moe") {
    o.safetensors_name = kDynamicStem;
    o.mix_cfg = kMlpDynamic;
    o.config_marks = {{"quantize", "w8a8_dynamic"}};
    return;
  }
  set_deepseek(options);
  if (family.name == "deepseek_w4a8")
    set_w4a8(options);
  else if (dynamic)
    o.is_dynamic = true;
  else
    o.mix_cfg = kMlpDynamic;
}

std::vector<std::string> script_rollback(const Family& family, const ModelSpec& model,
                                         const std::string& model_path, bool fa_quant,
                                         bool mix_mtp) {
  std::vector<std::string> names;
  for (const BlockSpec& block : model.blocks) {
    if (block.mtp && !mix_mtp) {
      for (const LinearSpec* linear : block.linears()) names.push_back(linear->name);
      continue;
    }
    if (block.mtp)
      for (const LinearSpec* linear : block.mtp->projections()) names.push_back(linear->name);
    if (block.moe && block.moe->router_is_linear) names.push_back(block.moe->router.name);
    if (block.mla) names.push_back(block.mla->kv_b.name);
    if (family.name == "w4a4") names.push_back(block.down.name);
  }
  if (fa_quant)
    for (const int layer : float_attentions(model_path))
      if (static_cast<std::size_t>(layer) < model.blocks.size())
        names.push_back(model.blocks[static_cast<std::size_t>(layer)].attention_name());
  return names;
}

std::vector<std::string> hunyuan_texts() {
  return {"Write a short letter to a friend about the first snow of the year.",
          "Explain step by step how rain is made from the water of the sea.",
          ("A train leaves at nine and travels at eighty kilometres an hour. When has it gone two "
           "hundred kilometres?"),
          "Which three books would you take to a lonely island, and why?",
          "Translate into French: the library is open every day except Sunday."};
}

}  // namespace msmodelslim
