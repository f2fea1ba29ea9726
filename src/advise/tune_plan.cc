#include "advise/tune_plan.h"

#include <algorithm>
#include <array>

#include "advise/experience.h"
#include "base/error.h"
#include "base/log.h"
#include "eval/tasks.h"
#include "recipe/fields.h"
#include "recipe/join_words.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

constexpr std::size_t kLongest = 200;
constexpr std::size_t kLongestCommand = 4096;

std::string config_id_of(const YamlValue* metadata, const std::string& otherwise) {
  const YamlValue* id = metadata == nullptr ? nullptr : metadata->find("config_id");
  return id != nullptr && id->is(Kind::kString) ? id->text : otherwise;
}

// A number, also as text: plans quote their decimals.
double number(Fields& fields, std::string_view key, double least, bool open) {
  const YamlValue* value = fields.require(key);
  const auto real = value == nullptr ? std::nullopt : to_real(*value);
  if (value != nullptr && (!real || *real < least || (open && *real == least)))
    fields.problem(key, open ? "must be a number above 0" : "must be a number from 0 on");
  return real.value_or(0);
}

std::vector<Expectation> read_expectations(Fields& demand, Problems* problems) {
  std::vector<Expectation> expectations;
  const YamlValue* list = demand.list("expectations");
  if (list == nullptr || list->items.empty()) {
    demand.problem("expectations", "needs one {dataset, target, tolerance} at least");
    return expectations;
  }
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    Fields fields(list->items[i], fmt::format("{}.{}", demand.path_of("expectations"), i),
                  problems);
    Expectation one;
    one.dataset = fields.text("dataset", "", kLongest);
    one.target = number(fields, "target", 0, true);
    one.tolerance = number(fields, "tolerance", 0, false);
    fields.finish();
    if (one.dataset.empty()) fields.problem("dataset", "is missing");
    const bool twice = std::any_of(expectations.begin(), expectations.end(),
                                   [&](const auto& other) { return other.dataset == one.dataset; });
    if (twice) fields.problem("dataset", fmt::format("'{}' stands here twice", one.dataset));
    expectations.push_back(one);
  }
  return expectations;
}

// Fields of other evaluators stay unread: plans are written for several.
TuneDataset read_dataset(const YamlValue& value, const std::string& path, Problems* problems) {
  Fields fields(value, path, problems);
  TuneDataset dataset;
  dataset.data = fields.text("data", "", kLongestCommand);
  dataset.examples = fields.text("examples", "", kLongestCommand);
  if (fields.get("shots") != nullptr)
    dataset.shots = static_cast<int>(fields.integer("shots", 0, 0, 100));
  dataset.limit = fields.integer("limit", 0, 0, 1 << 30);
  return dataset;
}

void read_evaluator(Fields& fields, Problems* problems, TuneEvaluation* evaluation) {
  const std::string type = fields.text("type", "own", kLongest);
  if (type != "own" && type != "aisbench" && type != "command" && type != "openai")
    fields.problem("type", "must be own, command, openai or aisbench (which is taken for own)");
  if (type == "aisbench")
    log_info("tune", "evaluation.type aisbench: this program's own evaluation takes its place");
  if (type == "command") {
    evaluation->command = fields.text("command", "", kLongestCommand);
    if (evaluation->command.empty()) fields.problem("command", "is needed for the type command");
  }
  evaluation->asks_server = type == "openai";
  if (type == "command" || type == "openai") {
    evaluation->server = fields.text("server", "", kLongestCommand);
    evaluation->base_url = fields.text("base_url", "", kLongest);
    evaluation->served_model_name = fields.text("served_model_name", "", kLongest);
    const bool needed = evaluation->asks_server || !evaluation->server.empty();
    if (needed && !evaluation->base_url.starts_with("http://"))
      fields.problem("base_url", "must say where the server answers: http://host:port/v1");
  }
  evaluation->timeout = fields.integer("timeout", 7200, 1, 1 << 30);
  evaluation->startup_timeout = fields.integer("startup_timeout", 600, 1, 1 << 30);
  if (const YamlValue* datasets = fields.get("datasets"); datasets != nullptr)
    for (const YamlValue::Entry& entry : datasets->entries)
      evaluation->datasets[entry.key] = read_dataset(
          entry.value, fmt::format("{}.{}", fields.path_of("datasets"), entry.key), problems);
}

// Every figure that is expected can be had.
void check_datasets(const TuneEvaluation& evaluation, Fields& demand) {
  if (!evaluation.command.empty()) return;
  for (const Expectation& one : evaluation.expectations) {
    if (is_loss(one.dataset)) continue;
    if (!find_task(one.dataset))
      demand.problem("expectations", fmt::format("'{}' is not among kl, perplexity, {}",
                                                 one.dataset, join_words(task_names())));
    else if (evaluation.datasets.count(one.dataset) == 0 ||
             evaluation.datasets.at(one.dataset).data.empty())
      demand.problem("expectations", fmt::format("'{0}' needs its questions: {{datasets: {{{0}: "
                                                 "{{data: FILE}}}}}} below evaluation.evaluation",
                                                 one.dataset));
    else if (evaluation.asks_server && one.dataset != "gsm8k")
      demand.problem("expectations", fmt::format("'{}' compares likelihoods of choices, which the "
                                                 "type openai cannot ask for; it can gsm8k",
                                                 one.dataset));
  }
}

TuneEvaluation read_evaluation(const YamlValue& value, Problems* problems) {
  TuneEvaluation evaluation;
  Fields fields(value, "evaluation", problems);
  if (!fields.is_map()) return evaluation;
  const std::string type = fields.text("type", "service_oriented", kLongest);
  if (type != "service_oriented") fields.problem("type", "must be service_oriented");
  if (const YamlValue* inner = fields.get("evaluation")) {
    Fields evaluator(*inner, "evaluation.evaluation", problems);
    if (evaluator.is_map()) read_evaluator(evaluator, problems, &evaluation);
  }
  const YamlValue* wanted = fields.require("demand");
  if (wanted == nullptr) return evaluation;
  Fields demand(*wanted, "evaluation.demand", problems);
  if (!demand.is_map()) return evaluation;
  evaluation.expectations = read_expectations(demand, problems);
  check_datasets(evaluation, demand);
  return evaluation;
}

StandingHigh read_standing_high(Fields& fields, Problems* problems) {
  StandingHigh strategy;
  const YamlValue* list = fields.list("anti_outlier_strategies");
  if (list == nullptr || list->items.empty())
    fields.problem("anti_outlier_strategies",
                   "needs one list of processors at least; it may be []");
  else
    for (const YamlValue& item : list->items) {
      if (!item.is(Kind::kList))
        problems->add(fields.path_of("anti_outlier_strategies"), item.line,
                      "must be a list of lists of processors");
      strategy.anti.push_back(item);
    }
  const YamlValue* spec = fields.get("template");
  const YamlValue* metadata = fields.get("metadata");
  strategy.base = recipe_of_spec(spec == nullptr ? default_template() : *spec,
                                 config_id_of(metadata, "standing_high"));
  const YamlValue* label = metadata == nullptr ? nullptr : metadata->find("label");
  strategy.base.metadata.label =
      label != nullptr && label->is(Kind::kMap) ? *label : bits_label(8, 8);
  return strategy;
}

// Whole recipe documents, as binary_fallback and auto have them.
Recipe read_template(Fields& fields) {
  const YamlValue* value = fields.require("template");
  if (value == nullptr) return {};
  const YamlValue* version = value->find("apiversion");
  if (version == nullptr || version->text != "modelslim_v1") {
    fields.problem("template", "must be a recipe of apiversion modelslim_v1");
    return {};
  }
  return parse_recipe(dump_yaml(*value), "the plan's template");
}

BinaryFallback read_binary_fallback(Fields& fields) {
  BinaryFallback strategy;
  strategy.base = read_template(fields);
  const std::string path = fields.text("rollback_path", "", kLongest);
  if (path.empty()) fields.problem("rollback_path", "is missing, e.g. spec.process.1.exclude");
  for (std::size_t at = 0; !path.empty() && at <= path.size();) {
    const std::size_t dot = std::min(path.find('.', at), path.size());
    strategy.path.push_back(path.substr(at, dot - at));
    at = dot + 1;
  }
  strategy.candidates =
      fields.texts("rollback_candidates", kLongest, true).value_or(std::vector<std::string>());
  strategy.dataset = fields.text("analysis_dataset", "", kLongest);
  return strategy;
}

Strategy read_strategy(const YamlValue& value, Problems* problems) {
  Fields fields(value, "strategy", problems);
  const std::string type = fields.text("type", "", kLongest);
  if (type == "standing_high") return read_standing_high(fields, problems);
  if (type == "standing_high_with_experience") return with_experience(fields, problems);
  if (type == "binary_fallback") return read_binary_fallback(fields);
  if (type == "auto") return AutoSearch{read_template(fields)};
  if (fields.is_map())
    fields.problem("type",
                   "must be standing_high, standing_high_with_experience, binary_fallback or auto");
  return AutoSearch{};
}

}  // namespace

bool is_loss(const std::string& dataset) { return dataset == "kl" || dataset == "perplexity"; }

bool meets(const Expectation& expectation, double figure) {
  constexpr double kRounding = 1e-12;  // targets are decimals
  const double missing =
      is_loss(expectation.dataset) ? figure - expectation.target : expectation.target - figure;
  return missing <= expectation.tolerance + kRounding;
}

Recipe recipe_of_spec(YamlValue spec, const std::string& config_id) {
  Recipe recipe;
  recipe.path = "the plan's template";
  recipe.apiversion = "modelslim_v1";
  recipe.metadata.config_id = config_id;
  std::erase_if(spec.entries, [](const YamlValue::Entry& entry) {
    return entry.key == "prior" && entry.value.is(Kind::kNull);
  });
  recipe.spec = std::move(spec);
  return recipe;
}

TunePlan parse_tune_plan(const std::string& text, const std::string& where) {
  const YamlValue document = parse_yaml(text, where);
  Problems problems;
  Fields fields(document, "the document", &problems);
  TunePlan plan;
  const YamlValue* strategy = fields.require("strategy");
  const YamlValue* evaluation = fields.require("evaluation");
  if (strategy != nullptr) plan.strategy = read_strategy(*strategy, &problems);
  if (evaluation != nullptr) {
    plan.evaluation = read_evaluation(*evaluation, &problems);
    plan.evaluation_text = dump_yaml(*evaluation);
  }
  problems.throw_if_any(where);
  return plan;
}

std::int64_t parse_duration(const std::string& text) {
  constexpr std::array<std::pair<char, std::int64_t>, 4> kUnits = {
      {{'D', 86400}, {'H', 3600}, {'M', 60}, {'S', 1}}};
  const auto wrong = [&] {
    return UsageError(fmt::format("--timeout '{}' is not a duration", text),
                      "write days, hours, minutes and seconds in this order, for example 1H30M");
  };
  std::int64_t seconds = 0;
  std::size_t unit = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find_first_not_of("0123456789", at);
    if (end == std::string::npos || end == at || end - at > 9) throw wrong();
    while (unit < kUnits.size() && kUnits[unit].first != text[end]) ++unit;
    if (unit == kUnits.size()) throw wrong();
    seconds += std::stoll(text.substr(at, end - at)) * kUnits[unit++].second;
    at = end + 1;
  }
  if (text.empty()) throw wrong();
  return seconds;
}

}  // namespace msmodelslim
