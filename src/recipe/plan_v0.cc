// apiversion modelslim_v0: the arguments of the script-driven quantizer. What is built of it
// becomes one linear_quant step; V0Options keeps what has no word in modelslim_v1.

#include <fmt/format.h>

#include <algorithm>

#include "recipe/plan_reader.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

constexpr std::size_t kLongestName = 4096;
constexpr const char* kDefaultDataset = "teacher_qualification.jsonl";

bool same_value(const YamlValue& value, std::string_view wanted_text) {
  const YamlValue wanted = resolve_plain_scalar(std::string(wanted_text));
  if (value.is(Kind::kMap) || value.is(Kind::kList))
    return wanted.is(Kind::kNull) && value.items.empty() && value.entries.empty();
  switch (wanted.kind) {
    case Kind::kNull:
      return value.is(Kind::kNull);
    case Kind::kBool:
      return to_bool(value) == wanted.boolean;
    case Kind::kInt:
    case Kind::kFloat:
      return to_real(value) == to_real(wanted);
    default:
      return value.is(Kind::kString) && value.text == wanted.text;
  }
}

std::string written(const YamlValue& value) {
  if (value.is(Kind::kMap) || value.is(Kind::kList)) return std::string(kind_name(value.kind));
  const std::string text = dump_yaml(value);
  return text.substr(0, text.size() - 1);
}

// Checks one section against the table of fields; absent fields have their fallback.
void check_section(std::string_view section, Fields* fields) {
  for (const V0FieldInfo& info : known_v0_fields()) {
    if (info.section != section) continue;
    const YamlValue fallback = resolve_plain_scalar(std::string(info.fallback));
    const YamlValue* given = fields->get(info.key);
    const YamlValue& value = given == nullptr ? fallback : *given;
    if (info.built == "any" || same_value(value, info.built)) continue;
    fields->problem(info.key, fmt::format("{} = {}{} is not built yet, only {} is", info.key,
                                          written(value), given == nullptr ? " (the default)" : "",
                                          info.built == "~" ? "no value" : info.built));
  }
}

// The three sections of `spec`; an absent one has all defaults.
class Section {
 public:
  Section(Fields* spec, std::string_view name, Problems* problems)
      : fields_(value_of(spec, name), spec->path_of(name), problems) {
    check_section(name, &fields_);
  }
  Fields* operator->() { return &fields_; }

 private:
  static const YamlValue& value_of(Fields* spec, std::string_view name) {
    static const YamlValue kEmpty = YamlValue::map();
    const YamlValue* value = spec->get(name);
    return value == nullptr || value->is(Kind::kNull) ? kEmpty : *value;
  }

  Fields fields_;
};

QConfig int8_minmax(const char* scope, bool symmetric) {
  QConfig config;
  config.dtype = "int8";
  config.scope = scope;
  config.symmetric = symmetric;
  config.method = "minmax";
  return config;
}

Step static_w8a8(const std::vector<std::string>& disable_names, int line) {
  LinearQuantStep linear;
  linear.act = int8_minmax("per_tensor", false);
  linear.weight = int8_minmax("per_channel", true);
  linear.type = exported_type(linear.act, linear.weight).value_or("");
  linear.filter = NameFilter({"*"}, disable_names, false);
  return {linear, "spec.calib_cfg", line};
}

}  // namespace

void read_v0_spec(const YamlValue& spec, ReadContext context, Plan* plan) {
  Fields fields(spec, "spec", context.problems);
  if (!fields.is_map()) return;
  const YamlValue* anti = fields.get("anti_cfg");
  if (anti != nullptr && !anti->is(Kind::kNull))
    fields.problem("anti_cfg", "outlier suppression of modelslim_v0 is not built yet");
  for (const char* unused : {"anti_params", "anti_dataset", "batch_size"}) fields.allow(unused);

  Section calib(&fields, "calib_cfg", context.problems);
  V0Options options;
  options.disable_names =
      calib->texts("disable_names", kLongestName, true).value_or(std::vector<std::string>{});
  calib->finish();
  Section params(&fields, "calib_params", context.problems);
  params->finish();
  Section save(&fields, "calib_save_params", context.problems);
  constexpr std::int64_t kMostGiB = 1 << 20;
  const YamlValue* part = save->get("part_file_size");
  if (part != nullptr && !part->is(Kind::kNull))
    options.part_file_size = static_cast<int>(save->integer("part_file_size", 1, 1, kMostGiB));
  save->finish();

  const YamlValue* dataset = fields.get("calib_dataset");
  if (dataset != nullptr && dataset->is(Kind::kNull))
    fields.problem("calib_dataset", "is null, but static activation ranges need a data set");
  else
    plan->dataset = fields.text("calib_dataset", kDefaultDataset, kLongestName);
  fields.finish();
  plan->steps = {static_w8a8(options.disable_names, spec.line)};
  plan->v0 = std::move(options);
}

}  // namespace msmodelslim
