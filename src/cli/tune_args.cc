#include "cli/tune_args.h"

#include "advise/probe.h"
#include "advise/tune_plan.h"
#include "base/error.h"
#include "cli/command_line.h"
#include "cli/model_options.h"
#include "recipe/join_words.h"

namespace msmodelslim {
namespace {

const char* const kAbout =
    "Searches for the recipe that is good enough, or best, by trying: every trial quantizes the\n"
    "model and evaluates the result.\n"
    "  --config PLAN     a plan file says what is searched and what is expected\n"
    "  --target_bits X   a type for each linear, X bits per weight on average, least KL\n"
    "  --max_kl X        the same, fewest bits with a KL of X at most\n"
    "  none of them      the best recipe with the types of --start (default: int8)\n"
    "Repeat the command to go on where it was stopped.";

// Values as they stand on the command line.
struct Raw {
  ModelOptions model;
  std::string timeout;
  std::string calib_dataset;
};

void declare(CLI::App& app, Raw& raw, TuneArgs& args) {
  const auto add = [&](const char* name, auto& target, const char* type, const std::string& text) {
    return add_option(app, name, target, type, text);
  };
  raw.model.declare_model(app);
  add("--save_path", args.save_path, "DIR", "for quant_model/ and history/ (required)");
  add("--config", args.config, "FILE", "plan file, see docs/tune.md");
  add("--start", args.start, "FILE|ID", "recipe to begin with, without --config");
  add("--target_bits", args.target_bits, "X", "bits per weight of the linears, on average")
      ->check(CLI::Range(1.0, 32.0).description(""));
  add("--max_kl", args.max_kl, "X", "mean KL to the float model")
      ->check(CLI::Range(1e-6, 1e3).description(""));
  app.add_option("--types", args.types,
                 "what --target_bits and --max_kl choose from (w4a8 w8a8 float)")
      ->type_name("NAME")
      ->expected(1, -1);
  add("--timeout", raw.timeout, "1D2H3M4S", "no trial begins after it");
  add("--max_trials", args.max_trials, "N", "recipes to try at most (30)")->check(positive());
  add("--calib_dataset", raw.calib_dataset, "FILE|NAME", "instead of the recipes' own");
  add("--calib_tokens", args.calib_tokens, "N", "calibration tokens, spread over the set (2048)")
      ->check(positive());
  add("--eval_text", args.eval_text, "FILE|NAME", "text that KL and perplexity are measured on");
  add("--eval_tokens", args.eval_tokens, "N", "tokens of it (2048)")
      ->check(CLI::Range(64, 1 << 24).description(""));
  add("--part_tokens", args.part_tokens, "N",
      "tokens that each part's own KL is measured on, for --target_bits and --max_kl (512)")
      ->check(CLI::Range(2, 1 << 24).description(""));
  raw.model.declare_machine(app, args.threads);
}

void check(const TuneArgs& args) {
  if (args.save_path.empty())
    throw UsageError("no folder for the result is given", "add --save_path DIR");
  const bool mixed = args.target_bits || args.max_kl;
  if (!args.config.empty() && (mixed || !args.start.empty()))
    throw UsageError("--config does not go with --start, --target_bits and --max_kl",
                     "the plan file says what is searched");
  if (args.target_bits && args.max_kl)
    throw UsageError("--target_bits and --max_kl cannot be given together",
                     "say how large or how good the result shall be");
  if (mixed && !args.start.empty())
    throw UsageError("--start does not go with --target_bits and --max_kl", "drop one of them");
  if (!args.types.empty() && !mixed)
    throw UsageError("--types belongs to --target_bits and --max_kl", "add one of them");
}

}  // namespace

std::optional<TuneArgs> parse_tune_args(const std::vector<std::string>& words) {
  TuneArgs args;
  Raw raw;
  CLI::App app(kAbout, "msmodelslim tune");
  declare(app, raw, args);
  if (!parse_words(app, words)) return std::nullopt;
  args.model_path = raw.model.folder();
  args.model_type = raw.model.type();
  check(args);
  if (app.count("--timeout") > 0) args.timeout = parse_duration(raw.timeout);
  if (!raw.calib_dataset.empty()) args.calib_dataset = raw.calib_dataset;
  if (args.types.empty()) args.types = {"w4a8", "w8a8", "float"};
  for (const std::string& type : args.types)
    if (type != "float") quant_kind(type);
  return args;
}

}  // namespace msmodelslim
