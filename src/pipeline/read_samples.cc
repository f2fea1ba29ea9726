#include "pipeline/read_samples.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "text/dataset.h"
#include "text/tokenizer.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "quant";

std::vector<CalibSample> calibration_set(const CalibrationChoice& choice,
                                         const std::string& dataset, std::string* name) {
  if (!choice.texts.empty()) {
    *name = "of the command line";
    std::vector<CalibSample> samples;
    for (const std::string& text : choice.texts) samples.push_back({text, {}});
    return samples;
  }
  *name = resolve_calib_path(dataset);
  const std::vector<CalibSample> samples = read_calib_set(*name);
  return choice.characters ? cut_samples(samples, *choice.characters) : samples;
}

}  // namespace

std::vector<std::vector<std::int32_t>> spread_pieces(
    const std::vector<std::vector<std::int32_t>>& samples, std::size_t tokens, std::size_t length) {
  std::vector<const std::vector<std::int32_t>*> usable;
  for (const auto& sample : samples)
    if (sample.size() > 1) usable.push_back(&sample);
  const std::size_t wanted = std::min(usable.size(), std::max<std::size_t>(1, tokens / length));
  std::vector<std::vector<std::int32_t>> pieces;
  for (std::size_t i = 0; i < wanted; ++i) {
    const auto& sample = *usable[i * usable.size() / wanted];
    pieces.emplace_back(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(
                                                             std::min(sample.size(), length)));
  }
  if (pieces.empty())
    throw DataError("the calibration set has no sample of two tokens, which this needs");
  return pieces;
}

std::vector<std::vector<std::int32_t>> calibration_ids(const std::string& model_path,
                                                       const ModelConfig& config,
                                                       const CalibrationChoice& choice,
                                                       const std::string& dataset,
                                                       const char* logger) {
  std::string path;
  const std::vector<CalibSample> set = calibration_set(choice, dataset, &path);
  CalibOptions options;
  options.max_samples = choice.samples;
  if (!choice.spread) options.max_tokens = choice.tokens;
  options.vocab_size = config.size("vocab_size");
  auto ids = holds_ids_only(set) ? ids_of_calib_set(set, options)
                                 : tokenize_calib_set(set, Tokenizer::load(model_path), options);
  constexpr std::size_t kPieces = 32;
  if (choice.spread && choice.tokens) {
    const auto most = static_cast<std::size_t>(*choice.tokens);
    ids = spread_pieces(ids, most, std::max<std::size_t>(2, most / std::min(kPieces, ids.size())));
  }
  std::size_t tokens = 0;
  for (const auto& sample : ids) tokens += sample.size();
  log_info(logger, "calibration set {}: {} samples, {} tokens", path, ids.size(), tokens);
  return ids;
}

void read_samples(const CalibrationChoice& choice, const ModelConfig& config, QuantJob* job,
                  KnownSets* known) {
  const auto read = [&](const CalibrationChoice& how, const std::string& dataset) {
    const std::string key = how.texts.empty() ? dataset : "";
    if (known != nullptr && known->count(key) > 0) return known->at(key);
    auto ids = calibration_ids(job->model_path, config, how, dataset, kLogger);
    if (known != nullptr) (*known)[key] = ids;
    return ids;
  };
  const auto ids = [&](const std::string& dataset) {
    return read(choice, choice.dataset.value_or(dataset));
  };
  const Plan& plan = job->plan;
  for (const PriorStage& stage : plan.priors)
    job->prior_samples.push_back(ids(stage.dataset.empty() ? plan.dataset : stage.dataset));
  if (needs_data(plan) || (plan.v0 && plan.v0->needs_statistics()))
    job->samples = ids(plan.dataset);
  else if (choice.dataset && plan.priors.empty())
    log_warning(kLogger, "the recipe needs no data; --calib_dataset is not read");
  const bool separate = plan.v0 && (plan.v0->anti || plan.v0->disable_threshold > 0);
  if (!separate || plan.v0->anti_dataset.empty()) return;
  CalibrationChoice of_file = choice;
  of_file.texts.clear();
  job->anti_samples = read(of_file, plan.v0->anti_dataset);
}

}  // namespace msmodelslim
