// apiversion modelslim_v0: the arguments of the script-driven quantizer as YAML.

#include <fmt/format.h>

#include "recipe/plan_reader.h"
#include "recipe/v0_steps.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

constexpr std::size_t kLongestName = 4096;
constexpr const char* kDefaultDataset = "teacher_qualification.jsonl";
constexpr std::int64_t kMostInt = 1 << 20;
constexpr double kMostReal = 1e9;

// A section of `spec`; an absent one has all defaults.
class Section {
 public:
  Section(Fields* spec, std::string_view name, Problems* problems)
      : fields_(value_of(spec, name), spec->path_of(name), problems) {}
  Fields* operator->() { return &fields_; }

 private:
  static const YamlValue& value_of(Fields* spec, std::string_view name) {
    static const YamlValue kEmpty = YamlValue::map();
    const YamlValue* value = spec->get(name);
    return value == nullptr || value->is(Kind::kNull) ? kEmpty : *value;
  }

  Fields fields_;
};

int integer(Section& fields, std::string_view key, int fallback) {
  return static_cast<int>(fields->integer(key, fallback, 0, kMostInt));
}

void read_calib_cfg(Section& calib, V0Options* o) {
  const std::vector<std::string> none;
  o->w_bit = integer(calib, "w_bit", o->w_bit);
  o->a_bit = integer(calib, "a_bit", o->a_bit);
  o->act_method = integer(calib, "act_method", o->act_method);
  o->w_method = calib->text("w_method", o->w_method, kLongestName);
  o->disable_names = calib->texts("disable_names", kLongestName, true).value_or(none);
  o->disable_last_linear = calib->boolean("disable_last_linear", o->disable_last_linear);
  o->pr = calib->real("pr", o->pr, -kMostReal, kMostReal);
  o->mm_tensor = calib->boolean("mm_tensor", o->mm_tensor);
  o->w_sym = calib->boolean("w_sym", o->w_sym);
  o->is_lowbit = calib->boolean("is_lowbit", o->is_lowbit);
  o->do_smooth = calib->boolean("do_smooth", o->do_smooth);
  o->use_sigma = calib->boolean("use_sigma", o->use_sigma);
  o->sigma_factor = calib->real("sigma_factor", o->sigma_factor, -kMostReal, kMostReal);
  o->fraction = calib->real("fraction", o->fraction, -kMostReal, kMostReal);
  o->nonuniform = calib->boolean("nonuniform", o->nonuniform);
  o->co_sparse = calib->boolean("co_sparse", o->co_sparse);
  o->is_dynamic = calib->boolean("is_dynamic", o->is_dynamic);
  o->group_size = integer(calib, "group_size", o->group_size);
  o->percdamp = calib->real("percdamp", o->percdamp, -kMostReal, kMostReal);
  o->use_kvcache_quant = calib->boolean("use_kvcache_quant", o->use_kvcache_quant);
  o->open_outlier = calib->boolean("open_outlier", o->open_outlier);
  o->pdmix = calib->boolean("pdmix", o->pdmix);
  o->use_fa_quant = calib->boolean("use_fa_quant", o->use_fa_quant);
  for (const char* unused : {"dev_type", "dev_id", "fa_amp"}) calib->allow(unused);
  calib->finish();
}

void read_mix(Section& params, Problems* problems, V0Options* o) {
  const YamlValue* mix = params->get("mix_cfg");
  if (mix == nullptr || mix->is(Kind::kNull)) return;
  Fields rules(*mix, params->path_of("mix_cfg"), problems);
  if (!rules.is_map()) return;
  for (const auto& [pattern, type] : mix->entries) {
    if (!type.is(Kind::kString)) rules.problem(pattern, "must be the name of a type");
    o->mix_cfg.emplace_back(pattern, type.text);
    rules.allow(pattern);
  }
}

void read_params(Section& params, Problems* problems, V0Options* o) {
  o->disable_level = params->text("disable_level", o->disable_level, kLongestName);
  const YamlValue* tensors = params->get("all_tensors");
  if (tensors != nullptr && !tensors->is(Kind::kNull))
    params->problem("all_tensors", "is no part of a recipe; leave it out");
  read_mix(params, problems, o);
  params->finish();
}

std::optional<double> exponent(Fields& flex, std::string_view key) {
  const YamlValue* value = flex.get(key);
  if (value == nullptr || value->is(Kind::kNull)) return std::nullopt;
  return flex.real(key, 0, 0, 1);
}

V0Anti read_anti(const YamlValue& value, ReadContext context) {
  Fields fields(value, "spec.anti_cfg", context.problems);
  V0Anti anti;
  anti.method = fields.text("anti_method", "m2", kLongestName);
  anti.w_bit = static_cast<int>(fields.integer("w_bit", anti.w_bit, 0, kMostInt));
  anti.a_bit = static_cast<int>(fields.integer("a_bit", anti.a_bit, 0, kMostInt));
  anti.w_sym = fields.boolean("w_sym", anti.w_sym);
  anti.disable_names =
      fields.texts("disable_anti_names", kLongestName, true).value_or(std::vector<std::string>{});
  const YamlValue* flex = fields.get("flex_config");
  if (flex != nullptr && !flex->is(Kind::kNull)) {
    Fields exponents(*flex, fields.path_of("flex_config"), context.problems);
    anti.alpha = exponent(exponents, "alpha");
    anti.beta = exponent(exponents, "beta");
    exponents.finish();
  }
  for (const char* unused : {"dev_type", "dev_id"}) fields.allow(unused);
  fields.finish();
  return anti;
}

void read_save(Section& save, V0Options* o) {
  const YamlValue* part = save->get("part_file_size");
  if (part != nullptr && !part->is(Kind::kNull))
    o->part_file_size = static_cast<int>(save->integer("part_file_size", 1, 1, kMostInt));
  const YamlValue* name = save->get("safetensors_name");
  if (name != nullptr && !name->is(Kind::kNull)) {
    std::string text = save->text("safetensors_name", "", 200);
    if (!text.ends_with(".safetensors") || text.find('/') != std::string::npos)
      save->problem("safetensors_name", "must be a file name that ends in .safetensors");
    else
      o->safetensors_name = text.substr(0, text.size() - std::string(".safetensors").size());
  }
  save->finish();
}

}  // namespace

void read_v0_spec(const YamlValue& spec, ReadContext context, Plan* plan) {
  Fields fields(spec, "spec", context.problems);
  if (!fields.is_map()) return;
  V0Options options;
  Section calib(&fields, "calib_cfg", context.problems);
  read_calib_cfg(calib, &options);
  Section params(&fields, "calib_params", context.problems);
  read_params(params, context.problems, &options);
  const YamlValue* anti = fields.get("anti_cfg");
  if (anti != nullptr && !anti->is(Kind::kNull)) options.anti = read_anti(*anti, context);
  for (const char* unused : {"anti_params", "batch_size"}) fields.allow(unused);
  Section save(&fields, "calib_save_params", context.problems);
  read_save(save, &options);
  resolve_v0(&options, [&](const std::string& field, const std::string& reason) {
    const bool of_anti = field.starts_with("anti_") || field.starts_with("disable_anti");
    const bool of_params = field.starts_with("mix_cfg") || field == "disable_level";
    const std::string section = of_anti ? "anti_cfg" : of_params ? "calib_params" : "calib_cfg";
    fields.problem(section, fmt::format("{}: {}", field, reason));
  });
  for (std::string& warning : v0_warnings(options)) context.warnings->push_back(std::move(warning));
  if (const YamlValue* set = fields.get("anti_dataset"); set != nullptr && !set->is(Kind::kNull))
    options.anti_dataset = fields.text("anti_dataset", "", kLongestName);
  plan->steps = v0_steps(options, spec.line);
  const YamlValue* dataset = fields.get("calib_dataset");
  if (dataset == nullptr || !dataset->is(Kind::kNull))
    plan->dataset = fields.text("calib_dataset", kDefaultDataset, kLongestName);
  plan->v0 = std::move(options);
  if (plan->dataset.empty() && (needs_data(*plan) || plan->v0->needs_statistics()))
    fields.problem("calib_dataset", "is null, but this recipe needs a data set");
  fields.finish();
}

}  // namespace msmodelslim
