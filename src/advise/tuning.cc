#include "advise/tuning.h"

#include <algorithm>
#include <limits>

#include "advise/layer_scores.h"
#include "advise/probe.h"
#include "advise/tune_recipe.h"
#include "base/error.h"
#include "base/log.h"
#include "checkpoint/source.h"
#include "model/build.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "tune";
constexpr const char* kSet = "mix_calib.jsonl";

ModelSpec spec_of(const std::string& model_path) {
  return build_model_spec(ModelConfig::read(model_path), open_source(model_path));
}

}  // namespace

SearchResult Tuning::run() {
  SearchResult result;
  try {
    result = search();
    if (!result.satisfied) result = best_so_far();
  } catch (const SearchEnded& end) {
    log_warning(kLogger, "{}; the best recipe so far is taken", end.what());
    result = best_so_far();
  }
  if (const Trial* trial = trials_.find(result.recipe)) result.recipe = trial->recipe;
  return result;
}

SearchResult Tuning::search() {
  const Satisfied satisfied = [&](const Recipe& recipe) { return judge(recipe).satisfied; };
  const auto ranking_of = [&](const Recipe& base) {
    return [&] { return ranking(included_patterns(base), ""); };
  };
  if (const auto* high = std::get_if<StandingHigh>(&options_.strategy))
    return search_standing_high(*high, ranking_of(high->base), satisfied);
  if (const auto* binary = std::get_if<BinaryFallback>(&options_.strategy))
    return search_binary_fallback(
        *binary, [&] { return ranking({"*"}, binary->dataset); },
        module_names(spec_of(options_.trials.model_path)), satisfied);
  if (const auto* mix = std::get_if<MixSearch>(&options_.strategy)) return search_types(*mix);
  const auto& any = std::get<AutoSearch>(options_.strategy);
  return search_auto(any, has_demand(), ranking_of(any.base),
                     [&](const Recipe& recipe) { return judge(recipe); });
}

// A recipe that the model cannot have is no better than any; the first one must work.
Quality Tuning::judge(const Recipe& recipe) {
  try {
    const Trial& trial = trials_.run(recipe);
    return {trial.figures.at("kl"), trial.satisfied};
  } catch (const UsageError& error) {
    if (trials_.all().empty()) throw;
    log_info(kLogger, "left out: {}", error.what());
    return {std::numeric_limits<double>::infinity(), false};
  }
}

SearchResult Tuning::search_types(const MixSearch& search) {
  const ModelSpec model = spec_of(options_.trials.model_path);
  const double least = least_bits(model, search.types);
  if (search.target_bits && *search.target_bits < least)
    throw UsageError(
        fmt::format("--target_bits {:g} is below the {:.3f} bits of the smallest type everywhere",
                    *search.target_bits, least),
        "give more bits, or smaller --types");
  mix_.emplace();
  mix_->parts = measure_parts(mix_options(search, model));
  const auto attempt = [&](const Recipe& recipe) {
    const Trial& trial = trials_.run(recipe);
    return MixTrial{trial.recipe.metadata.config_id, 0, 0, trial.figures.at("kl"), trial.bytes};
  };
  return search_mix(model, search, attempt, &*mix_);
}

// KL of the parts is measured on the calibration set, that of trials on other text.
MixOptions Tuning::mix_options(const MixSearch& search, const ModelSpec& model) const {
  constexpr double kEightBits = 8.5;  // with scales
  MixOptions options;
  options.model_path = options_.trials.model_path;
  options.pedigree = options_.trials.pedigree;
  options.types = search.types;
  options.calibration = calibration(kSet, options_.trials.calibration.tokens.value_or(2048), 64);
  options.text = calibration(kSet, options_.part_tokens, 128);
  const bool wider = std::any_of(search.types.begin(), search.types.end(), [&](const auto& type) {
    return bits_of_square(1024, type, model.dtype) > kEightBits;
  });
  options.best_is_free = !wider || search.target_bits.value_or(99) <= 8;
  return options;
}

std::vector<std::string> Tuning::ranking(const std::vector<std::string>& include,
                                         const std::string& dataset) const {
  log_info(kLogger, "ranking the decoder layers");
  std::vector<LayerScore> scores =
      score_layers_by_output({options_.trials.model_path,
                              calibration(dataset.empty() ? kSet : dataset,
                                          options_.trials.calibration.tokens.value_or(2048), 64),
                              probe_step(quant_kind("mxfp4"), include), true});
  sort_scores(&scores);
  std::vector<std::string> blocks;
  blocks.reserve(scores.size());
  for (const LayerScore& score : scores) blocks.push_back(score.name);
  return blocks;
}

Tuning::Samples Tuning::calibration(const std::string& dataset, std::int64_t tokens,
                                    std::size_t length) const {
  const std::string& path = options_.trials.model_path;
  const auto& chosen = options_.trials.calibration.dataset;
  return spread_pieces(
      calibration_ids(path, ModelConfig::read(path), {}, chosen.value_or(dataset), kLogger),
      static_cast<std::size_t>(tokens), length);
}

// Of recipes that meet a demand the smallest, else the one with the least KL.
bool Tuning::is_better(const Trial& trial, const Trial& than) const {
  if (trial.satisfied != than.satisfied) return trial.satisfied;
  if (trial.satisfied && has_demand() && trial.bytes != than.bytes) return trial.bytes < than.bytes;
  return trial.figures.at("kl") < than.figures.at("kl");
}

SearchResult Tuning::best_so_far() const {
  const Trial* best = nullptr;
  for (const Trial& trial : trials_.all())
    if (best == nullptr || is_better(trial, *best)) best = &trial;
  if (best == nullptr)
    throw ResourceError("no recipe was tried: there was no time for one",
                        "allow more with --timeout and --max_trials");
  return {best->recipe, best->satisfied};
}

}  // namespace msmodelslim
