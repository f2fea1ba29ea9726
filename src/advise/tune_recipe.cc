#include "advise/tune_recipe.h"

#include <algorithm>

#include "base/error.h"
#include "base/glob.h"
#include "recipe/join_words.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

YamlValue* find(YamlValue& map, std::string_view key) {
  for (YamlValue::Entry& entry : map.entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

bool is_linear_quant(const YamlValue& step) {
  const YamlValue* type = step.find("type");
  return type != nullptr && type->text == "linear_quant";
}

void add_new(YamlValue& list, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    const bool covered = std::any_of(list.items.begin(), list.items.end(), [&](const auto& item) {
      return item.text == pattern || Glob(item.text).matches(pattern);
    });
    if (!covered) list.items.push_back(YamlValue::of_text(pattern));
  }
}

// The part of `value` that a path's step names, or null.
YamlValue* step_into(YamlValue& value, const std::string& step) {
  if (value.is(Kind::kMap)) return find(value, step);
  const bool index =
      !step.empty() && step.size() < 9 && step.find_first_not_of("0123456789") == std::string::npos;
  if (!value.is(Kind::kList) || !index) return nullptr;
  const auto at = static_cast<std::size_t>(std::stoul(step));
  return at < value.items.size() ? &value.items[at] : nullptr;
}

}  // namespace

YamlValue text_list(const std::vector<std::string>& texts) {
  YamlValue list = YamlValue::list();
  for (const std::string& text : texts) list.items.push_back(YamlValue::of_text(text));
  return list;
}

YamlValue& list_of(YamlValue& map, const std::string& key) {
  if (find(map, key) == nullptr) map.add(key, YamlValue::list());
  YamlValue& value = *find(map, key);
  if (value.is(Kind::kNull)) value = YamlValue::list();
  return value;
}

Recipe with_excludes(const Recipe& base, const YamlValue& anti,
                     const std::vector<std::string>& patterns) {
  Recipe recipe = base;
  YamlValue& process = list_of(recipe.spec, "process");
  for (YamlValue& step : process.items)
    if (is_linear_quant(step) && !patterns.empty()) add_new(list_of(step, "exclude"), patterns);
  process.items.insert(process.items.begin(), anti.items.begin(), anti.items.end());
  return recipe;
}

std::vector<std::string> included_patterns(const Recipe& recipe) {
  std::vector<std::string> patterns;
  const YamlValue* process = recipe.spec.find("process");
  for (const YamlValue& step : process == nullptr ? std::vector<YamlValue>() : process->items) {
    if (!is_linear_quant(step)) continue;
    const YamlValue* include = step.find("include");
    std::vector<std::string> texts;
    if (include == nullptr) texts = {"*"};
    if (include != nullptr)
      for (const YamlValue& item : include->items) texts.push_back(item.text);
    for (const std::string& text : texts)
      if (std::find(patterns.begin(), patterns.end(), text) == patterns.end())
        patterns.push_back(text);
  }
  return patterns.empty() ? std::vector<std::string>{"*"} : patterns;
}

std::string block_pattern(const std::string& block) { return "*" + block + ".*"; }

std::string candidate_pattern(const std::string& candidate, const std::vector<std::string>& names) {
  std::vector<std::string> patterns = {candidate};
  if (candidate.find('*') == std::string::npos)
    patterns = {"*" + candidate + ".*", "*" + candidate};
  for (const std::string& pattern : patterns) {
    const Glob glob(pattern);
    if (std::any_of(names.begin(), names.end(),
                    [&](const auto& name) { return glob.matches(name); }))
      return pattern;
  }
  throw UsageError(
      fmt::format("rollback_candidates: '{}' matches no module of the model", candidate),
      fmt::format("names look like {}", names.back()));
}

Recipe with_list(const Recipe& base, const std::vector<std::string>& path,
                 const std::vector<std::string>& patterns) {
  Recipe recipe = base;
  YamlValue* at = nullptr;
  if (!path.empty() && path[0] == "spec") at = &recipe.spec;
  for (std::size_t i = 1; at != nullptr && i < path.size(); ++i) {
    // A processor's exclude may be left out.
    if (i + 1 == path.size() && path[i] == "exclude" && at->is(Kind::kMap)) list_of(*at, "exclude");
    at = step_into(*at, path[i]);
  }
  if (at == nullptr || !at->is(Kind::kList))
    throw UsageError(
        fmt::format("rollback_path {} names no list of the template", join_words(path, ".")),
        "write for example spec.process.1.exclude");
  add_new(*at, patterns);
  return recipe;
}

}  // namespace msmodelslim
