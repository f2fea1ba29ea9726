#include <fmt/format.h>

#include <array>
#include <utility>

#include "recipe/cache_reader.h"

namespace msmodelslim {
namespace {

std::optional<QConfig> read_attention(const YamlValue& value, const std::string& path, int line,
                                      ReadContext context) {
  const auto config = read_any_qconfig(value, path, context);
  if (!config) return std::nullopt;
  const bool fits = (config->dtype == "int8" || config->dtype == "fp8_e4m3") &&
                    (config->scope == "per_head" || config->scope == "per_token") &&
                    config->symmetric && config->method == "minmax";
  if (!fits)
    context.problems->add(
        path, line,
        fmt::format("attention is int8 or fp8_e4m3, per_head or per_token, symmetric minmax; found "
                    "{} {} {} {}",
                    config->dtype, config->scope, config->symmetric ? "symmetric" : "asymmetric",
                    config->method));
  return config;
}

void read_details(Fields& entry, const YamlValue& value, int line, ReadContext context,
                  Fa3QuantStep& step) {
  Fields fields(value, entry.path_of("details"), context.problems);
  if (!fields.is_map()) return;
  const std::array<std::pair<const char*, std::optional<QConfig>*>, 3> branches = {
      std::pair{"fa_q", &step.q}, {"fa_k", &step.k}, {"fa_v", &step.v}};
  bool any = false;
  for (const auto& [name, config] : branches)
    if (const YamlValue* branch = fields.get(name)) {
      *config = read_attention(*branch, fields.path_of(name), line, context);
      any = true;
    }
  if (!any) entry.problem("details", "names none of fa_q, fa_k and fa_v");
  fields.finish();
}

}  // namespace

Fa3QuantStep read_fa3_quant(Fields& fields, NameFilter filter, int line, ReadContext context) {
  Fa3QuantStep step;
  step.filter = std::move(filter);
  const YamlValue* whole = fields.get("qconfig");
  const YamlValue* details = fields.get("details");
  if (whole != nullptr && details != nullptr)
    fields.problem("details", "stands beside qconfig; give one of them");
  if (details != nullptr) {
    read_details(fields, *details, line, context, step);
    return step;
  }
  QConfig all;
  all.dtype = "int8";
  all.scope = "per_head";
  all.method = "minmax";
  if (whole != nullptr)
    all = read_attention(*whole, fields.path_of("qconfig"), line, context).value_or(all);
  step.q = step.k = step.v = all;
  return step;
}

}  // namespace msmodelslim
