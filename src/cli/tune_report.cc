#include "cli/tune_report.h"

#include "base/threads.h"
#include "base/usage.h"
#include "base/warnings.h"
#include "model/config.h"
#include "report/run_facts.h"

namespace msmodelslim {
namespace {

Json trials_json(const std::vector<Trial>& trials) {
  Json rows = Json::array();
  for (const Trial& trial : trials) {
    Json figures = Json::object();
    for (const auto& [name, figure] : trial.figures) figures[name] = figure;
    rows.push_back({{"config_id", trial.recipe.metadata.config_id},
                    {"figures", std::move(figures)},
                    {"satisfied", trial.satisfied},
                    {"bytes", trial.bytes},
                    {"seconds", trial.seconds},
                    {"cached", trial.cached}});
  }
  return rows;
}

Json parts_json(const MixTable& mix) {
  Json parts = Json::array();
  for (std::size_t i = 0; i < mix.parts.size(); ++i) {
    const MixPart& part = mix.parts[i];
    Json losses = Json::object();
    for (const MixOption& option : part.options) {
      const bool measured = option.loss != 0 || option.type == "float";
      losses[option.type] = measured ? Json(option.loss) : Json(nullptr);
    }
    parts.push_back({{"name", part.name},
                     {"weights", part.weights},
                     {"type", part.options[mix.chosen[i]].type},
                     {"losses", std::move(losses)}});
  }
  return parts;
}

Json mix_json(const MixTable& mix) {
  Json path = Json::array();
  for (const MixPoint& point : mix.path)
    path.push_back({{"bits", point.bits}, {"loss", point.loss}});
  Json trials = Json::array();
  for (const MixTrial& trial : mix.trials)
    trials.push_back({{"config_id", trial.config_id},
                      {"bits", trial.bits},
                      {"loss", trial.loss},
                      {"kl", trial.kl},
                      {"bytes", trial.bytes}});
  Json types = Json::array();
  for (const MixOption& option : mix.parts.front().options) types.push_back(option.type);
  return {{"types", std::move(types)},
          {"path", std::move(path)},
          {"trials", std::move(trials)},
          {"parts", parts_json(mix)}};
}

}  // namespace

Json tune_report(const std::string& model_path, const TuneEvaluation& evaluation,
                 const TuneOutcome& outcome) {
  Json demand = Json::array();
  for (const Expectation& one : evaluation.expectations)
    demand.push_back(
        {{"dataset", one.dataset}, {"target", one.target}, {"tolerance", one.tolerance}});
  const Recipe& recipe = outcome.result.recipe;
  return {
      {"kind", "tuning"},
      {"version", MSMODELSLIM_VERSION},
      {"date", report_date()},
      {"model",
       {{"name", folder_name(model_path)},
        {"path", model_path},
        {"architecture", ModelConfig::read(model_path).architecture()}}},
      {"demand", std::move(demand)},
      {"satisfied", outcome.result.satisfied},
      {"final", recipe.metadata.config_id},
      {"recipe", recipe_to_yaml(recipe)},
      {"trials", trials_json(*outcome.trials)},
      {"environment",
       {{"cpu", cpu_name()}, {"threads", thread_count()}, {"peak_bytes", peak_private_bytes()}}},
      {"cpu_seconds", cpu_seconds()},
      {"warnings", logged_warnings()},
      {"mix", outcome.mix == nullptr ? Json(nullptr) : mix_json(*outcome.mix)}};
}

}  // namespace msmodelslim
