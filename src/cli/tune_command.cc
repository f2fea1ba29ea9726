#include "cli/tune_command.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "advise/layer_scores.h"
#include "advise/probe.h"
#include "advise/trials.h"
#include "advise/tune_auto.h"
#include "advise/tune_mix.h"
#include "advise/tune_recipe.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/threads.h"
#include "checkpoint/source.h"
#include "cli/analyze_report.h"
#include "cli/model_choice.h"
#include "cli/tune_args.h"
#include "cli/tune_report.h"
#include "model/build.h"
#include "recipe/practice_library.h"
#include "text/dataset.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "tune";
constexpr const char* kSet = "mix_calib.jsonl";
constexpr std::int64_t kLength = 256;  // of the pieces of the evaluation text

using Samples = std::vector<std::vector<std::int32_t>>;

Samples held_out(const TuneArgs& args) {
  const std::string path =
      fs::exists(args.eval_text) ? args.eval_text : resolve_calib_path(args.eval_text);
  const auto ids = Tokenizer::load(args.model_path).encode(read_file(path), false);
  Samples pieces;
  const std::int64_t most =
      std::min<std::int64_t>(args.eval_tokens, static_cast<std::int64_t>(ids.size()));
  for (std::int64_t at = 0; at + 2 <= most; at += kLength)
    pieces.emplace_back(ids.begin() + at, ids.begin() + std::min(at + kLength, most));
  if (pieces.empty())
    throw DataError(fmt::format("{} has fewer than two tokens", path),
                    "choose another --eval_text");
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

class Tuning {
 public:
  Tuning(const TuneArgs& args, const TunePlan& plan, const ModelType& type)
      : args_(args), plan_(plan), type_(type), trials_(options(args, plan, type)) {}

  // The exit code.
  int run() {
    SearchResult result;
    try {
      result = search();
    } catch (const SearchEnded& end) {
      log_warning(kLogger, "{}; the best recipe so far is taken", end.what());
      result = best_so_far();
    }
    if (!result.satisfied) result = best_so_far();
    finish(result);
    if (result.satisfied) return 0;
    log_error(kLogger, "no recipe met the demand; {} holds the best one", trials_.folder());
    return 1;
  }

 private:
  static TrialOptions options(const TuneArgs& args, const TunePlan& plan, const ModelType& type) {
    TrialOptions options;
    options.model_path = args.model_path;
    options.save_path = args.save_path;
    options.pedigree = pedigree(type);
    options.model_type = args.model_type.value_or(type.name);
    options.calibration = {args.calib_dataset, {}, {}, args.calib_tokens, true};
    options.evaluation = plan.evaluation;
    options.evaluation_text = plan.evaluation_text;
    options.held_out = held_out(args);
    options.timeout = args.timeout;
    options.max_trials = args.max_trials;
    return options;
  }

  SearchResult search() {
    const Satisfied satisfied = [&](const Recipe& recipe) { return judge(recipe).satisfied; };
    if (const auto* high = std::get_if<StandingHigh>(&plan_.strategy))
      return search_standing_high(
          *high, [&] { return ranking(included_patterns(high->base), ""); }, satisfied);
    if (const auto* binary = std::get_if<BinaryFallback>(&plan_.strategy))
      return search_binary_fallback(
          *binary, [&] { return ranking({"*"}, binary->dataset); }, module_names(model()),
          satisfied);
    if (const auto* mix = std::get_if<MixSearch>(&plan_.strategy)) return search_types(*mix);
    const auto& any = std::get<AutoSearch>(plan_.strategy);
    return search_auto(
        any, !plan_.evaluation.expectations.empty(),
        [&] { return ranking(included_patterns(any.base), ""); },
        [&](const Recipe& recipe) { return judge(recipe); });
  }

  SearchResult search_types(const MixSearch& search) {
    const ModelSpec spec = model();
    mix_.emplace();
    mix_->parts = measure_parts(mix_options(search, spec));
    const auto attempt = [&](const Recipe& recipe) {
      const Trial& trial = trials_.run(recipe);
      return MixTrial{trial.recipe.metadata.config_id, 0, 0, trial.figures.at("kl"), trial.bytes};
    };
    return search_mix(spec, search, attempt, &*mix_);
  }

  // KL of the parts is measured on the calibration set, that of trials on other text.
  MixOptions mix_options(const MixSearch& search, const ModelSpec& spec) const {
    const Samples whole = calibration(kSet);
    MixOptions options{args_.model_path, pedigree(type_), {}, {}, search.types, false};
    options.calibration = spread_pieces(whole, static_cast<std::size_t>(args_.calib_tokens), 64);
    options.text = spread_pieces(whole, static_cast<std::size_t>(args_.part_tokens), 128);
    LinearSpec some;
    some.in = 1024;
    some.out = 1024;
    const bool wide = std::any_of(search.types.begin(), search.types.end(), [&](const auto& type) {
      return bits_of(some, type, spec.dtype) / (1024 * 1024) > 8.5;
    });
    options.best_is_free = !wide || search.target_bits.value_or(99) <= 8;
    return options;
  }

  // A recipe that the model cannot have is no better than any; the first one must work.
  Quality judge(const Recipe& recipe) {
    try {
      const Trial& trial = trials_.run(recipe);
      return {trial.figures.at("kl"), trial.satisfied};
    } catch (const UsageError& error) {
      if (trials_.all().empty()) throw;
      log_info(kLogger, "left out: {}", error.what());
      return {std::numeric_limits<double>::infinity(), false};
    }
  }

  ModelSpec model() const {
    return build_model_spec(ModelConfig::read(args_.model_path), open_source(args_.model_path));
  }

  // Decoder blocks by falling sensitivity.
  std::vector<std::string> ranking(const std::vector<std::string>& include,
                                   const std::string& dataset) {
    log_info(kLogger, "ranking the decoder layers");
    std::vector<LayerScore> scores =
        score_layers_by_output({args_.model_path,
                                spread_pieces(calibration(dataset.empty() ? kSet : dataset),
                                              static_cast<std::size_t>(args_.calib_tokens), 64),
                                probe_step(quant_kind("mxfp4"), include), true});
    sort_scores(&scores);
    std::vector<std::string> blocks;
    for (const LayerScore& score : scores) blocks.push_back(score.name);
    return blocks;
  }

  Samples calibration(const std::string& dataset) const {
    return calibration_ids(args_.model_path, ModelConfig::read(args_.model_path), {},
                           args_.calib_dataset.value_or(dataset), kLogger);
  }

  // Of recipes that meet a demand the smallest, else the one with the least KL.
  bool is_better(const Trial& trial, const Trial& than) const {
    if (trial.satisfied != than.satisfied) return trial.satisfied;
    if (trial.satisfied && !plan_.evaluation.expectations.empty() && trial.bytes != than.bytes)
      return trial.bytes < than.bytes;
    return trial.figures.at("kl") < than.figures.at("kl");
  }

  SearchResult best_so_far() const {
    const Trial* best = nullptr;
    for (const Trial& trial : trials_.all())
      if (best == nullptr || is_better(trial, *best)) best = &trial;
    if (best == nullptr)
      throw ResourceError("no recipe was tried: there was no time for one",
                          "allow more with --timeout and --max_trials");
    return {best->recipe, best->satisfied || plan_.evaluation.expectations.empty()};
  }

  // The final recipe: quant_model/, its file, and a copy among the user's own recipes.
  void finish(const SearchResult& result) {
    Recipe recipe = result.recipe;
    if (const Trial* trial = trials_.find(recipe)) recipe = trial->recipe;
    const QuantSummary summary = trials_.export_folder(recipe);
    const std::string text = recipe_to_yaml(recipe);
    write_file_atomic(args_.save_path + "/final_recipe.yaml", text);
    if (result.satisfied) store(recipe, text);
    write_report(tune_report(args_.model_path, plan_.evaluation,
                             {{recipe, result.satisfied}, &trials_.all(), mix_ ? &*mix_ : nullptr}),
                 args_.save_path + "/tune_report", kLogger);
    if (mix_) print_mix();
    std::printf("recipe             %s/final_recipe.yaml (%s)\n", args_.save_path.c_str(),
                recipe.metadata.config_id.c_str());
    std::printf("folder             %s\n", summary.folder.c_str());
    std::printf("trials             %zu\n", trials_.all().size());
    std::printf("quality            perplexity %.3f -> %.3f, KL %.5f +- %.5f, top-1 %.1f %%\n",
                summary.proof->float_perplexity, summary.proof->perplexity, summary.proof->kl.mean,
                summary.proof->kl.error, 100 * summary.proof->top1_agreement);
  }

  void print_mix() const {
    std::printf("%-12s %14s %14s %12s\n", "trial", "bits a weight", "MB", "mean KL");
    for (const MixTrial& trial : mix_->trials)
      std::printf("%-12s %14.3f %14.1f %12.5f\n", trial.config_id.c_str(), trial.bits,
                  static_cast<double>(trial.bytes) / 1e6, trial.kl);
  }

  void store(const Recipe& recipe, const std::string& text) const {
    const char* root = std::getenv("MSMODELSLIM_CUSTOM_PRACTICE_REPO");
    if (root == nullptr || *root == '\0') return;
    const ModelType type =
        choose_model_type(args_.model_type, args_.model_path, ModelConfig::read(args_.model_path));
    const fs::path folder = fs::path(root) / type.pedigrees.front();
    fs::create_directories(folder);
    std::string file = recipe.metadata.config_id;
    for (int i = 2; fs::exists(folder / (file + ".yaml")); ++i)
      file = fmt::format("{}_{}", recipe.metadata.config_id, i);
    write_file_atomic((folder / (file + ".yaml")).string(), text);
    log_info(kLogger, "stored as {}", (folder / (file + ".yaml")).string());
  }

  static std::string pedigree(const ModelType& type) {
    return type.pedigrees.empty() ? std::string(kDefaultPedigree) : type.pedigrees.front();
  }

  const TuneArgs& args_;
  const TunePlan& plan_;
  const ModelType& type_;
  Trials trials_;
  std::optional<MixTable> mix_;
};

}  // namespace

int run_tune(const std::vector<std::string>& words) {
  const auto args = parse_tune_args(words);
  if (!args) return 0;
  if (args->threads) set_thread_count(*args->threads);
  const TunePlan plan = plan_of(*args);
  const ModelConfig config = ModelConfig::read(args->model_path);
  const ModelType type = choose_model_type(args->model_type, args->model_path, config);
  return Tuning(*args, plan, type).run();
}

}  // namespace msmodelslim
