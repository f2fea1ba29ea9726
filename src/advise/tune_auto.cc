#include "advise/tune_auto.h"

#include <fmt/format.h>

#include <algorithm>

#include "advise/tune_recipe.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

YamlValue yaml(const std::string& text) { return parse_yaml(text, "auto"); }

YamlValue* find(YamlValue& map, std::string_view key) {
  for (YamlValue::Entry& entry : map.entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

// Outlier suppression, in whatever order the recipe has it in front.
bool suppresses(const YamlValue& step) {
  const YamlValue* type = step.find("type");
  if (type == nullptr) return false;
  for (const char* name : {"smooth_quant", "iter_smooth", "flex_smooth_quant", "flex_awq_ssz",
                           "awq", "quarot", "adapt_rotation", "flatquant"})
    if (type->text == name) return true;
  return false;
}

Recipe with_suppression(const Recipe& base, const std::string& steps) {
  Recipe recipe = base;
  YamlValue& process = list_of(recipe.spec, "process");
  std::erase_if(process.items, suppresses);
  const YamlValue list = yaml(steps);
  process.items.insert(process.items.begin(), list.items.begin(), list.items.end());
  std::erase_if(recipe.spec.entries,
                [](const YamlValue::Entry& entry) { return entry.key == "prior"; });
  return recipe;
}

// Puts `act` into every linear_quant entry with int8 activations, those in groups too.
void set_activations(YamlValue& process, const YamlValue& act) {
  for (YamlValue& step : process.items) {
    if (YamlValue* inner = find(step, "configs")) set_activations(*inner, act);
    YamlValue* qconfig = find(step, "qconfig");
    YamlValue* old = qconfig == nullptr ? nullptr : find(*qconfig, "act");
    const YamlValue* dtype = old == nullptr ? nullptr : old->find("dtype");
    if (dtype != nullptr && dtype->text == "int8") *old = act;
  }
}

Recipe with_activations(const Recipe& base, const std::string& act) {
  Recipe recipe = base;
  set_activations(list_of(recipe.spec, "process"), yaml(act));
  return recipe;
}

std::string smooth_behind_rotation(double alpha) {
  return fmt::format(
      "[{{type: quarot}}, {{type: iter_smooth, alpha: {}, enable_subgraph_type: [up-down, ov], "
      "ignore_adapter: true}}]",
      alpha);
}

const std::vector<std::string>& activation_choices() {
  static const std::vector<std::string> choices = {
      "{dtype: int8, scope: per_token, symmetric: true, method: minmax}",
      "{dtype: int8, scope: per_tensor, symmetric: false, method: histogram}"};
  return choices;
}

const std::vector<std::string>& suppression_choices() {
  static const std::vector<std::string> choices = {
      smooth_behind_rotation(0.4), "[{type: quarot}]",
      "[{type: iter_smooth, alpha: 0.5, ignore_adapter: true}]",
      "[{type: iter_smooth, alpha: 0.9}]"};
  return choices;
}

class AutoRun {
 public:
  AutoRun(const AutoSearch& strategy, bool has_demand, const Judge& judge)
      : strategy_(strategy), has_demand_(has_demand), judge_(judge) {}

  SearchResult run(const Ranking& ranking) {
    best_ = strategy_.base;
    quality_ = judge_(best_);
    for (const std::string& act : activation_choices()) consider(with_activations(best_, act));
    for (const std::string& steps : suppression_choices()) consider(with_suppression(best_, steps));
    if (rotated_and_smoothed()) {
      for (const double alpha : {0.3, 0.5})
        consider(with_suppression(best_, smooth_behind_rotation(alpha)));
    } else {  // slow, and no better than a rotation
      consider(with_suppression(best_, "[{type: flex_smooth_quant, ignore_adapter: true}]"));
    }
    if (!has_demand_ || quality_.satisfied) return {best_, quality_.satisfied || !has_demand_};
    StandingHigh fallback{{YamlValue::list()}, best_};
    return search_standing_high(fallback, ranking,
                                [&](const Recipe& recipe) { return judge_(recipe).satisfied; });
  }

 private:
  void consider(const Recipe& recipe) {
    if (has_demand_ && quality_.satisfied) return;
    if (dump_yaml(recipe.spec) == dump_yaml(best_.spec)) return;
    const Quality quality = judge_(recipe);
    if (!(quality.kl < quality_.kl)) return;
    quality_ = quality;
    best_ = recipe;
  }

  bool rotated_and_smoothed() const {
    return dump_yaml(best_.spec) ==
           dump_yaml(with_suppression(best_, smooth_behind_rotation(0.4)).spec);
  }

  const AutoSearch& strategy_;
  bool has_demand_;
  const Judge& judge_;
  Recipe best_;
  Quality quality_;
};

}  // namespace

SearchResult search_auto(const AutoSearch& strategy, bool has_demand, const Ranking& blocks,
                         const Judge& judge) {
  return AutoRun(strategy, has_demand, judge).run(blocks);
}

}  // namespace msmodelslim
