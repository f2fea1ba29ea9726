// flatquant: include and exclude. Its other fields are there for recipes that write them out; the
// Python tool takes their defaults alone.

#include <fmt/format.h>

#include <array>

#include "recipe/plan_reader.h"

namespace msmodelslim {
namespace {

struct Constant {
  std::string_view key;
  std::string_view value;  // as YAML
};

constexpr std::array<Constant, 23> kConstants = {{
    {"strategies", "[]"},
    {"seed", "0"},
    {"diag_relu", "true"},
    {"amp_dtype", "bfloat16"},
    {"a_bits", "4"},
    {"a_groupsize", "-1"},
    {"a_asym", "false"},
    {"a_per_tensor", "false"},
    {"w_bits", "4"},
    {"w_groupsize", "-1"},
    {"w_asym", "false"},
    {"epochs", "10"},
    {"nsamples", "~"},
    {"cali_bsz", "4"},
    {"flat_lr", "0.001"},
    {"add_diag", "true"},
    {"lwc", "true"},
    {"lac", "true"},
    {"diag_init", "one_style"},
    {"diag_alpha", "0.3"},
    {"warmup", "true"},
    {"deactive_amp", "true"},
    {"tran_type", "svd"},
}};

bool equal(const YamlValue& value, const YamlValue& wanted) {
  using Kind = YamlValue::Kind;
  switch (wanted.kind) {
    case Kind::kNull:
      return value.is(Kind::kNull);
    case Kind::kBool:
      return to_bool(value) == wanted.boolean;
    case Kind::kInt:
      return to_int(value) == wanted.integer;
    case Kind::kFloat:
      return to_real(value) == wanted.real;
    case Kind::kString:
      return value.is(Kind::kString) && value.text == wanted.text;
    default:
      return false;
  }
}

}  // namespace

void check_flatquant_constants(Fields* fields) {
  for (const Constant& constant : kConstants) {
    const YamlValue* value = fields->get(constant.key);
    if (value == nullptr) continue;
    const bool fits = constant.value == "[]"
                          ? value->is(YamlValue::Kind::kList) && value->items.empty()
                          : equal(*value, resolve_plain_scalar(std::string(constant.value)));
    if (!fits)
      fields->problem(constant.key, fmt::format("can only be {}; leave it out", constant.value));
  }
}

}  // namespace msmodelslim
