#include "advise/trials.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "pipeline/fingerprint.h"
#include "recipe/fields.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "tune";

YamlValue figures_value(const Figures& figures) {
  YamlValue map = YamlValue::map();
  for (const auto& [name, figure] : figures) map.add(name, YamlValue::of_real(figure));
  return map;
}

std::string figures_text(const Figures& figures) {
  std::string text;
  for (const auto& [name, figure] : figures)
    text += fmt::format("{}{} {:.5g}", text.empty() ? "" : ", ", name, figure);
  return text;
}

// Figures and bytes of an entry of accuracy.yaml; nothing for one that is damaged.
std::optional<Trial> known_trial(const YamlValue& value) {
  const YamlValue* figures = value.find("figures");
  const YamlValue* bytes = value.find("bytes");
  if (figures == nullptr || bytes == nullptr) return std::nullopt;
  Trial trial;
  trial.bytes = static_cast<std::uint64_t>(to_int(*bytes).value_or(0));
  for (const YamlValue::Entry& entry : figures->entries) {
    const auto real = to_real(entry.value);
    if (!real) return std::nullopt;
    trial.figures[entry.key] = *real;
  }
  return trial;
}

}  // namespace

Trials::Trials(const TrialOptions& options)
    : options_(options), config_(ModelConfig::read(options.model_path)) {
  read_cache();
}

void Trials::begin_history() {
  if (!trials_.empty()) return;
  std::error_code ec;
  fs::create_directories(history_folder(), ec);
  if (!fs::is_directory(history_folder()))
    throw ResourceError(fmt::format("{} cannot be made", history_folder()),
                        "choose another --save_path");
  for (const auto& item : fs::directory_iterator(history_folder()))
    if (item.path().extension() == ".yaml" && item.path().filename() != "accuracy.yaml")
      fs::remove(item.path(), ec);
}

QuantJob Trials::job_of(const Recipe& recipe) const {
  QuantJob job;
  job.plan = make_plan(recipe);
  job.model_path = options_.model_path;
  job.save_path = folder();
  job.pedigree = options_.pedigree;
  job.overwrite = true;
  job.quiet = true;
  job.restart = true;
  job.held_out = options_.held_out;
  job.read_back = false;
  job.recipe_file = best_practice_file_name(options_.model_type);
  job.recipe_text = recipe_to_yaml(recipe);
  check_job(job);
  return job;
}

// What a trial's figures depend on. The recipe's name is not among it.
std::string Trials::key_of(const QuantJob& job) const {
  QuantJob nameless = job;
  const YamlValue document = parse_yaml(job.recipe_text, "recipe");
  nameless.recipe_text = dump_yaml(*document.find("spec"));
  const std::string text = fingerprint(nameless).dump() + options_.evaluation_text;
  return fmt::format("{:016x}", hash_bytes(text.data(), text.size()));
}

void Trials::check_limits() const {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start_)
          .count();
  if (options_.timeout && seconds >= *options_.timeout)
    throw SearchEnded(fmt::format("the time of {} s is up", *options_.timeout));
  if (fresh_ >= options_.max_trials)
    throw SearchEnded(fmt::format("{} recipes were tried", options_.max_trials));
}

const Trial& Trials::run(const Recipe& recipe) {
  Trial trial;
  trial.recipe = recipe;
  trial.recipe.metadata.config_id = fmt::format("{}_{}", recipe.metadata.config_id, trials_.size());
  QuantJob job = job_of(trial.recipe);
  read_samples(options_.calibration, config_, &job);
  begin_history();
  const std::string key = key_of(job);
  const auto known = known_.find(key);
  trial.cached = known != known_.end();
  if (trial.cached) {
    trial.figures = known->second.figures;
    trial.bytes = known->second.bytes;
  } else {
    check_limits();
    const auto begin = std::chrono::steady_clock::now();
    measure(job, &trial);
    trial.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    ++fresh_;
    known_[key] = trial;
    write_cache();
  }
  trial.satisfied = meets_all(options_.evaluation.expectations, trial.figures);
  trials_.push_back(trial);
  write_file_atomic(fmt::format("{}/{}.yaml", history_folder(), trial.recipe.metadata.config_id),
                    recipe_to_yaml(trial.recipe));
  write_history();
  log_info(kLogger, "{}: {}{}{}", trial.recipe.metadata.config_id, figures_text(trial.figures),
           trial.satisfied && !options_.evaluation.expectations.empty() ? ", good enough" : "",
           trial.cached ? " (known)" : fmt::format(" ({:.0f} s)", trial.seconds));
  return trials_.back();
}

void Trials::measure(const QuantJob& job, Trial* trial) {
  const QuantSummary summary = quantize_model(job);
  trial->bytes = summary.bytes_after;
  trial->figures["kl"] = summary.proof->kl.mean;
  trial->figures["perplexity"] = summary.proof->perplexity;
  for (const auto& [name, figure] :
       evaluate_folder(options_.evaluation, folder(), options_.save_path))
    trial->figures[name] = figure;
}

const Trial* Trials::find(const Recipe& recipe) const {
  const std::string spec = dump_yaml(recipe.spec);
  const auto found = std::find_if(trials_.rbegin(), trials_.rend(), [&](const Trial& trial) {
    return dump_yaml(trial.recipe.spec) == spec;
  });
  return found == trials_.rend() ? nullptr : &*found;
}

QuantSummary Trials::export_folder(const Recipe& recipe) {
  QuantJob job = job_of(recipe);
  job.read_back = true;
  read_samples(options_.calibration, config_, &job);
  return quantize_model(job);
}

void Trials::read_cache() {
  const std::string path = history_folder() + "/accuracy.yaml";
  if (!fs::exists(path)) return;
  try {
    for (const YamlValue::Entry& entry : parse_yaml(read_file(path), path).entries)
      if (const auto trial = known_trial(entry.value)) known_[entry.key] = *trial;
  } catch (const UsageError& error) {
    log_warning(kLogger, "{} is damaged ({}); its trials are done again", path, error.what());
  }
}

void Trials::write_cache() const {
  YamlValue document = YamlValue::map();
  for (const auto& [key, trial] : known_) {
    YamlValue value = YamlValue::map();
    value.add("figures", figures_value(trial.figures));
    value.add("bytes", YamlValue::of_int(static_cast<std::int64_t>(trial.bytes)));
    document.add(key, std::move(value));
  }
  write_file_atomic(history_folder() + "/accuracy.yaml", dump_yaml(document));
}

void Trials::write_history() const {
  YamlValue list = YamlValue::list();
  for (const Trial& trial : trials_) {
    YamlValue value = YamlValue::map();
    value.add("config_id", YamlValue::of_text(trial.recipe.metadata.config_id));
    value.add("recipe", YamlValue::of_text(trial.recipe.metadata.config_id + ".yaml"));
    value.add("figures", figures_value(trial.figures));
    value.add("satisfied", YamlValue::of_bool(trial.satisfied));
    value.add("bytes", YamlValue::of_int(static_cast<std::int64_t>(trial.bytes)));
    value.add("seconds", YamlValue::of_real(trial.seconds));
    value.add("cached", YamlValue::of_bool(trial.cached));
    list.items.push_back(std::move(value));
  }
  YamlValue document = YamlValue::map();
  document.add("trials", std::move(list));
  write_file_atomic(history_folder() + "/history.yaml", dump_yaml(document));
}

}  // namespace msmodelslim
