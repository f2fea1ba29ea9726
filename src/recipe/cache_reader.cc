#include "recipe/cache_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace msmodelslim {

DynamicCacheStep read_dynamic_cache(Fields& fields, NameFilter filter, int line,
                                    ReadContext context) {
  DynamicCacheStep step;
  step.filter = std::move(filter);
  const YamlValue* value = fields.require("qconfig");
  if (value == nullptr) return step;
  const std::string path = fields.path_of("qconfig");
  const auto config = read_qconfig(*value, path, Side::kAct, context);
  if (!config) return step;
  step.cache = *config;
  if (config->dtype != "int8" || config->scope != "per_channel")
    context.problems->add(path, line,
                          fmt::format("a KV cache is int8 per_channel (minmax, symmetric or not), "
                                      "found {} {}",
                                      config->dtype, config->scope));
  return step;
}

KvSmoothStep read_kv_smooth(Fields& fields, NameFilter filter) {
  KvSmoothStep step;
  step.filter = std::move(filter);
  const YamlValue* value = fields.get("smooth_factor");
  if (value == nullptr) return step;
  const auto factor = to_real(*value);
  if (!factor || !(*factor > 0) || !std::isfinite(*factor))
    fields.problem("smooth_factor", "must be a number above 0");
  else
    step.factor = *factor;
  return step;
}

}  // namespace msmodelslim
