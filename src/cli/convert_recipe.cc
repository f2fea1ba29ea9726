#include "cli/convert_recipe.h"

#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "pipeline/convert_model.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "convert";

void check_options(const QuantArgs& args) {
  const std::pair<const char*, bool> unused[] = {
      {"--save_format", args.save_format.has_value()},
      {"--calib_dataset", args.calib_dataset.has_value()},
      {"--stats_out", !args.stats_out.empty()},
      {"--stats_in", !args.stats_in.empty()},
      {"--calib_samples", args.calib_samples.has_value()},
      {"--calib_tokens", args.calib_tokens.has_value()},
      {"--max_memory", args.max_memory.has_value()},
      {"--scratch_dir", !args.scratch_dir.empty()},
      {"--sha256", args.sha256},
      {"--json", args.json},
      {"--debug", args.debug},
      {"--verify full", args.verify == Verify::kFull},
      {"--max_kl", args.max_kl.has_value()}};
  for (const auto& [name, given] : unused)
    if (given)
      throw UsageError(
          fmt::format("{} does not go with a modelslim_convert recipe, which converts one tensor "
                      "after the other and runs nothing",
                      name),
          "leave it out; msmodelslim eval ppl scores the result");
}

void print_edges(const ConvertSummary& summary) {
  for (const auto& [edge, count] : summary.edges)
    std::printf("%-42s %lld linears\n", edge.c_str(), static_cast<long long>(count));
  std::printf("%-42s %lld tensors\n", "as they are", static_cast<long long>(summary.others));
}

}  // namespace

int run_recipe_conversion(const QuantArgs& args, const Recipe& recipe) {
  const Plan plan = make_plan(recipe);
  if (!plan.convert)
    throw UsageError(fmt::format("{}: apiversion is {}, convert takes modelslim_convert",
                                 recipe.path, recipe.apiversion),
                     "msmodelslim quant --config_path carries out the others");
  check_options(args);
  for (const std::string& warning : plan.warnings) log_warning(kLogger, "{}", warning);
  ConvertJob job;
  job.model_path = args.model_path;
  job.save_path = args.save_path;
  job.plan = *plan.convert;
  job.exclude = args.exclude;
  job.overwrite = args.overwrite;
  job.read_back = args.verify != Verify::kNone;
  job.quiet = args.quiet;
  job.recipe_file = best_practice_file_name(args.model_type.value_or("convert"));
  job.recipe_text = recipe_to_yaml(recipe);
  if (args.dry_run) {
    print_edges(plan_conversion(job));
    return 0;
  }
  const ConvertSummary summary = convert_model(job);
  if (args.quiet) return 0;
  print_edges(summary);
  std::printf("folder   %s\n", summary.folder.c_str());
  std::printf("weights  %.1f MB -> %.1f MB in %.1f s\n",
              static_cast<double>(summary.bytes_before) / 1e6,
              static_cast<double>(summary.bytes_after) / 1e6, summary.wall_seconds);
  return 0;
}

}  // namespace msmodelslim
