#include "cli/tune_command.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "advise/tuning.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/threads.h"
#include "cli/analyze_report.h"
#include "cli/model_choice.h"
#include "cli/tune_args.h"
#include "cli/tune_report.h"
#include "recipe/practice_library.h"
#include "text/dataset.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "tune";

// Pieces from all over the text.
std::vector<std::vector<std::int32_t>> held_out(const TuneArgs& args) {
  constexpr std::int64_t kLength = 256;
  const std::string path =
      fs::exists(args.eval_text) ? args.eval_text : resolve_calib_path(args.eval_text);
  const auto ids = Tokenizer::load(args.model_path).encode(read_file(path), false);
  const auto all = static_cast<std::int64_t>(ids.size());
  const std::int64_t length = std::min(kLength, all);
  if (length < 2)
    throw DataError(fmt::format("{} has fewer than two tokens", path),
                    "choose another --eval_text");
  const std::int64_t count = std::max<std::int64_t>(1, std::min(args.eval_tokens, all) / length);
  std::vector<std::vector<std::int32_t>> pieces;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto begin = ids.begin() + (all - length) * i / std::max<std::int64_t>(1, count - 1);
    pieces.emplace_back(begin, begin + length);
  }
  return pieces;
}

// Without a plan file: from the recipe of --start, or int8 for everything, to the least KL.
TunePlan plan_of(const TuneArgs& args) {
  if (!args.config.empty()) return parse_tune_plan(read_file(args.config, 1 << 20), args.config);
  TunePlan plan;
  if (args.target_bits || args.max_kl) {
    plan.strategy = MixSearch{args.target_bits, args.max_kl, args.types};
    if (args.max_kl) plan.evaluation.expectations = {{"kl", *args.max_kl, 0}};
    return plan;
  }
  const std::string start = args.start.empty() ? "default-w8a8" : args.start;
  Recipe recipe = PracticeLibrary::standard().find(start);
  if (recipe.apiversion != "modelslim_v1")
    throw UsageError(fmt::format("{} is a recipe of {}", start, recipe.apiversion),
                     "only recipes of modelslim_v1 can be changed");
  make_plan(recipe);
  if (recipe.metadata.config_id == RecipeMetadata().config_id) recipe.metadata.config_id = "auto";
  plan.strategy = AutoSearch{std::move(recipe)};
  return plan;
}

TuningOptions options_of(const TuneArgs& args, const TunePlan& plan, const ModelType& type) {
  TuningOptions options;
  options.strategy = plan.strategy;
  options.part_tokens = args.part_tokens;
  TrialOptions& trials = options.trials;
  trials.model_path = args.model_path;
  trials.save_path = args.save_path;
  trials.pedigree = type.pedigrees.empty() ? std::string(kDefaultPedigree) : type.pedigrees.front();
  trials.model_type = args.model_type.value_or(type.name);
  trials.calibration = {args.calib_dataset, {}, {}, args.calib_tokens, true};
  trials.evaluation = plan.evaluation;
  trials.evaluation_text = plan.evaluation_text;
  trials.held_out = held_out(args);
  trials.timeout = args.timeout;
  trials.max_trials = args.max_trials;
  return options;
}

// A copy among the user's own recipes, under a name that is free.
void store(const Recipe& recipe, const std::string& pedigree) {
  const char* root = std::getenv("MSMODELSLIM_CUSTOM_PRACTICE_REPO");
  if (root == nullptr || *root == '\0') return;
  const fs::path folder = fs::path(root) / pedigree;
  fs::create_directories(folder);
  std::string name = recipe.metadata.config_id;
  for (int i = 2; fs::exists(folder / (name + ".yaml")); ++i)
    name = fmt::format("{}_{}", recipe.metadata.config_id, i);
  const std::string path = (folder / (name + ".yaml")).string();
  write_file_atomic(path, recipe_to_yaml(recipe));
  log_info(kLogger, "stored as {}", path);
}

void print_mix(const MixTable& mix) {
  std::printf("%-12s %14s %14s %12s\n", "trial", "bits a weight", "MB", "mean KL");
  for (const MixTrial& trial : mix.trials)
    std::printf("%-12s %14.3f %14.1f %12.5f\n", trial.config_id.c_str(), trial.bits,
                static_cast<double>(trial.bytes) / 1e6, trial.kl);
}

void print_end(const Recipe& recipe, const QuantSummary& summary, std::size_t trials,
               const std::string& save_path) {
  std::printf("recipe             %s/final_recipe.yaml (%s)\n", save_path.c_str(),
              recipe.metadata.config_id.c_str());
  std::printf("folder             %s\n", summary.folder.c_str());
  std::printf("trials             %zu\n", trials);
  std::printf("quality            perplexity %.3f -> %.3f, KL %.5f +- %.5f, top-1 %.1f %%\n",
              summary.proof->float_perplexity, summary.proof->perplexity, summary.proof->kl.mean,
              summary.proof->kl.error, 100 * summary.proof->top1_agreement);
}

}  // namespace

int run_tune(const std::vector<std::string>& words) {
  const auto args = parse_tune_args(words);
  if (!args) return 0;
  if (args->threads) set_thread_count(*args->threads);
  const TunePlan plan = plan_of(*args);
  const ModelType type =
      choose_model_type(args->model_type, args->model_path, ModelConfig::read(args->model_path));
  const TuningOptions options = options_of(*args, plan, type);
  Tuning tuning(options);
  const SearchResult result = tuning.run();
  Trials& trials = tuning.trials();
  const QuantSummary summary = trials.export_folder(result.recipe);
  write_file_atomic(args->save_path + "/final_recipe.yaml", recipe_to_yaml(result.recipe));
  if (result.satisfied) store(result.recipe, options.trials.pedigree);
  write_report(
      tune_report(args->model_path, plan.evaluation, {result, &trials.all(), tuning.mix()}),
      args->save_path + "/tune_report", kLogger);
  if (tuning.mix() != nullptr) print_mix(*tuning.mix());
  print_end(result.recipe, summary, trials.all().size(), args->save_path);
  if (result.satisfied) return 0;
  log_error(kLogger, "no recipe met the demand; {} holds the best one", trials.folder());
  return 1;
}

}  // namespace msmodelslim
