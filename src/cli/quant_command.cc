#include "cli/quant_command.h"

#include <algorithm>
#include <cstdio>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/threads.h"
#include "checkpoint/source.h"
#include "cli/convert_recipe.h"
#include "cli/dry_run.h"
#include "cli/estimate.h"
#include "cli/memory_budget.h"
#include "cli/model_choice.h"
#include "cli/proof.h"
#include "cli/quant_report.h"
#include "cli/run_files.h"
#include "model/float_model.h"
#include "pipeline/expert_fallback.h"
#include "pipeline/read_samples.h"
#include "recipe/practice_search.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "quant";

Recipe choose(const QuantArgs& args, const ModelType& type, const Ranks& ranks) {
  const RecipeChoice choice =
      choose_recipe(PracticeLibrary::standard(), type, args.quant_type, args.tags);
  if (ranks.is_root()) confirm_choice(choice, args.yes, ask_on_terminal);
  return choice.recipe;
}

// The plan of the recipe, which afterwards says the format that --save_format chose.
Plan plan_of(const QuantArgs& args, Recipe* recipe) {
  if (!args.save_format) return make_plan(*recipe);
  const bool compressed = *args.save_format == "compressed_tensors";
  set_saver(recipe, compressed ? "compressed_tensors" : "ascendv1_saver");
  Plan plan = make_plan(*recipe);
  if (plan.v0 && compressed)
    plan.saves = {{*args.save_format, plan.v0->part_file_size.value_or(0)}};
  return plan;
}

CalibrationChoice calibration_choice(const QuantArgs& args) {
  return {args.calib_dataset,   args.calib_texts, args.calib_samples, args.calib_tokens, false,
          args.calib_characters};
}

bool has_static_w8a8(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (const auto* linear = std::get_if<LinearQuantStep>(&step.value);
        linear && (linear->type == "W8A8" || linear->type == "W8A8_MIX"))
      return true;
    if (const auto* group = std::get_if<GroupStep>(&step.value);
        group && has_static_w8a8(group->steps))
      return true;
    if (const auto* learned = std::get_if<AutoroundStep>(&step.value))
      for (const LinearQuantStep& strategy : learned->strategies)
        if (strategy.type == "W8A8" || strategy.type == "W8A8_MIX") return true;
  }
  return false;
}

void warn_before_work(const QuantArgs& args, const QuantJob& job, const ModelSpec& model,
                      std::uint64_t bytes) {
  if (has_static_w8a8(job.plan.steps) && model.dtype == DType::kF32 &&
      !saves_compressed_tensors(job.plan))
    log_warning(
        kLogger,
        "the weights are float32, so static W8A8 gets an int64 deq_scale that engines misread "
        "when they choose the dtype themselves; for vLLM-Ascend use bfloat16 weights: "
        "msmodelslim convert --dtype bfloat16");
  if (args.device.kind != Device::Kind::kNpu) return;
  log_warning(
      kLogger,
      "--device npu: this build computes on the host CPU with {} threads, about {:.0f} s; the "
      "output does not depend on the device",
      thread_count(), estimate_seconds(model, job.plan, job.samples, bytes));
  log_debug(kLogger, "ASCEND_RT_VISIBLE_DEVICES and PYTORCH_NPU_ALLOC_CONF have no effect");
}

void print_summary(const QuantSummary& summary, const QuantJob& job) {
  const Ranks& ranks = *job.ranks;
  const double before = static_cast<double>(summary.bytes_before) / 1e6;
  const double after = static_cast<double>(summary.bytes_after) / 1e6;
  std::printf("folder             %s\n", summary.folder.c_str());
  if (summary.resumed_blocks > 0)
    std::printf("resumed            behind block %lld\n",
                static_cast<long long>(summary.resumed_blocks));
  std::printf("weights            %.1f MB -> %.1f MB (%.2fx smaller)\n", before, after,
              before / after);
  std::printf("linears            %lld of %lld quantized\n",
              static_cast<long long>(summary.quantized), static_cast<long long>(summary.linears));
  if (!summary.expert_tokens.empty()) {
    const auto [least, most] =
        std::minmax_element(summary.expert_tokens.begin(), summary.expert_tokens.end());
    std::printf("experts            %lld to %lld tokens each, %lld without\n",
                static_cast<long long>(*least), static_cast<long long>(*most),
                static_cast<long long>(
                    std::count(summary.expert_tokens.begin(), summary.expert_tokens.end(), 0)));
  }
  if (summary.kv_caches > 0)
    std::printf("int8 KV cache      %lld blocks\n", static_cast<long long>(summary.kv_caches));
  std::printf("calibration        %lld tokens%s\n",
              static_cast<long long>(summary.calibration_tokens),
              job.passes == "own" ? "" : fmt::format(", forward passes {}", job.passes).c_str());
  std::printf("time               %.1f s wall, %.1f s CPU, %d threads\n", summary.wall_seconds,
              summary.cpu_seconds, thread_count());
  if (!ranks.alone())
    std::printf("ranks              %d, which sent each other %.1f MB\n", ranks.size(),
                static_cast<double>(summary.bytes_exchanged) / 1e6);
  std::printf("peak memory        %.2f GB\n", static_cast<double>(summary.peak_bytes) / 1e9);
}

// The exit code.
int conclude(const QuantArgs& args, const QuantJob& job, const QuantSummary& summary,
             const ModelSpec& model, Json source) {
  std::optional<double> kl;
  if (summary.proof) {
    report_proof(*summary.proof, model, args.quiet);
    kl = summary.proof->kl.mean;
  }
  std::optional<Proof> full;
  if (args.verify == Verify::kFull) {
    full = full_proof(summary.folder, args.model_path);
    kl = full->kl.mean;
  }
  if (kl) {
    AdviceFacts facts{&job, &model, &summary, *kl, {}};
    if (summary.proof) facts.float_perplexity = summary.proof->float_perplexity;
    if (full) facts.float_perplexity = full->float_perplexity;
    advise(facts);
  }
  const RunFiles files = {std::move(source), written_files(summary.folder, args.sha256)};
  write_quant_report(quant_report(job, summary, model, full, files), summary.folder);
  if (!kl) return 0;
  if (!args.max_kl || *kl <= *args.max_kl) return 0;
  log_error(kLogger, "mean KL {:.5f} is above --max_kl {}; the folder {} stays for a look", *kl,
            *args.max_kl, summary.folder);
  return 1;
}

QuantJob job_of(const QuantArgs& args, const ModelType& type, Recipe recipe, Ranks& ranks) {
  QuantJob job;
  job.plan = plan_of(args, &recipe);
  job.model_path = args.model_path;
  job.save_path = args.save_path;
  job.pedigree = type.pedigrees.empty() ? std::string(kDefaultPedigree) : type.pedigrees.front();
  job.exclude = args.exclude;
  job.overwrite = args.overwrite;
  job.strict = args.strict;
  job.expert_fallback = expert_fallback_from_name(args.expert_fallback);
  job.expert_min_tokens = args.expert_min_tokens;
  job.seed = args.seed;
  job.int8_pass = args.compute_dtype == "int8";
  job.quiet = args.quiet;
  job.debug = args.debug;
  job.recipe_file = best_practice_file_name(args.model_type.value_or(type.name));
  job.recipe_text = recipe_to_yaml(recipe);
  job.request = args.save_format.value_or("");
  job.restart = args.restart;
  job.stats_in = args.stats_in;
  job.stats_out = args.stats_out;
  job.ranks = &ranks;
  return job;
}

// For messages about one of several recipes.
std::string recipe_name(const QuantArgs& args) {
  if (args.config_path) return "recipe " + *args.config_path;
  return fmt::format("quant_type {} for {}", args.quant_type ? args.quant_type->name : "w8a8",
                     args.save_path);
}

// An error of `work` begins with the name, unless that is empty.
void with_name(const std::string& name, const std::function<void()>& work) {
  try {
    work();
  } catch (const UsageError& error) {
    if (name.empty()) throw;
    throw UsageError(fmt::format("{}: {}", name, error.what()), error.remedy());
  } catch (const DataError& error) {
    if (name.empty()) throw;
    throw DataError(fmt::format("{}: {}", name, error.what()), error.remedy());
  } catch (const ResourceError& error) {
    if (name.empty()) throw;
    throw ResourceError(fmt::format("{}: {}", name, error.what()), error.remedy());
  }
}

// Results may not be, or lie in, each other.
void check_distinct(const std::vector<QuantJob>& jobs) {
  for (const QuantJob& a : jobs)
    for (const QuantJob& b : jobs) {
      if (&a == &b) continue;
      const fs::path inner = fs::weakly_canonical(fs::absolute(a.save_path));
      const fs::path outer = fs::weakly_canonical(fs::absolute(b.save_path));
      const fs::path between = inner.lexically_relative(outer);
      if (between.empty() || *between.begin() == "..") continue;
      throw UsageError(
          fmt::format("--save_path {} is or lies in --save_path {}", a.save_path, b.save_path),
          "give each recipe a folder of its own");
    }
}

}  // namespace

int run_quant(const std::vector<std::string>& words, Ranks& ranks) {
  QuantArgs args = parse_quant_args(words);
  if (args.help) {
    if (ranks.is_root()) std::fputs(quant_help().c_str(), stdout);
    return 0;
  }
  if (!ranks.is_root()) {  // rank 0 speaks for all
    args.quiet = true;
    set_log_level(LogLevel::kError);
  }
  if (args.quiet && log_level() < LogLevel::kWarning) set_log_level(LogLevel::kWarning);
  if (args.threads) set_thread_count(*args.threads);
  const std::vector<QuantArgs> all = each_recipe(args);
  std::vector<std::optional<Recipe>> given;
  for (const QuantArgs& one : all) {
    given.emplace_back();
    if (one.config_path) given.back() = PracticeLibrary::standard().find(*one.config_path);
    if (!given.back() || given.back()->apiversion != "modelslim_convert") continue;
    if (!ranks.alone() || all.size() > 1)
      throw UsageError(fmt::format("{}; a recipe of a conversion runs in one process and by itself",
                                   ranks.alone() ? "several recipes are given"
                                                 : "mpirun has started several processes"),
                       ranks.alone() ? "give it alone" : "start it without mpirun");
    return run_recipe_conversion(args, *given.back());
  }
  const ModelConfig config = ModelConfig::read(args.model_path);
  log_info(kLogger, "===========ANALYSE MODEL===========");
  ModelType type = choose_model_type(args.model_type, args.model_path, config);
  if (!build_any_spec(config, open_source(args.model_path)).has_forward())
    type.pedigrees = {std::string(kDataFreePedigree)};
  log_info(kLogger, "===========GET BEST PRACTICE===========");
  std::vector<QuantJob> jobs;
  for (std::size_t i = 0; i < all.size(); ++i)
    with_name(all.size() > 1 ? recipe_name(all[i]) : "", [&] {
      Recipe recipe = given[i] ? std::move(*given[i]) : choose(all[i], type, ranks);
      log_info(kLogger, "recipe {} ({})", recipe.metadata.config_id, recipe.path);
      jobs.push_back(job_of(all[i], type, std::move(recipe), ranks));
    });
  return carry_out(all, std::move(jobs), config);
}

int carry_out(const QuantArgs& args, QuantJob job, const ModelConfig& config) {
  return carry_out(std::vector<QuantArgs>{args}, {std::move(job)}, config);
}

int carry_out(const std::vector<QuantArgs>& all, std::vector<QuantJob> jobs,
              const ModelConfig& config) {
  const QuantArgs& args = all.front();
  std::vector<std::string> problems;
  const auto attempt = [&](const auto& work) {
    if (!args.dry_run) return work();
    try {
      work();
    } catch (const Error& error) {
      problems.push_back(fmt::format("{} ({})", error.what(), error.remedy()));
    }
  };
  const auto of_each = [&](const auto& work) {
    for (std::size_t i = 0; i < jobs.size(); ++i)
      attempt(
          [&] { with_name(jobs.size() > 1 ? recipe_name(all[i]) : "", [&] { work(jobs[i]); }); });
  };
  attempt([&] { check_distinct(jobs); });
  of_each([](const QuantJob& job) { check_job(job); });
  KnownSets known;
  of_each([&](QuantJob& job) { read_samples(calibration_choice(args), config, &job, &known); });
  const FloatModel source = open_float_model(args.model_path, jobs.front().layers);
  const CheckpointReader& checkpoint = source.checkpoint;
  const ModelSpec& model = source.spec;
  if ((args.verify == Verify::kFull || args.max_kl) && !model.has_forward())
    throw UsageError(model.obstacle + "; --verify full and --max_kl run the model",
                     "use --verify quick, which reads the folder back");
  if (model.has_forward())
    of_each([&](QuantJob& job) { job.held_out = held_out_sequences(args, model, job); });
  attempt([&] { share_passes(&jobs); });
  const MemoryPlan memory = plan_memory(jobs, model);
  attempt([&] { keep_to_memory(args, memory, &jobs); });
  const bool is_root = jobs.front().ranks->is_root();
  if (args.dry_run)
    return is_root ? dry_run(args, jobs, model, checkpoint, memory, std::move(problems)) : 0;
  if (is_root) check_disk(jobs, model, checkpoint);
  for (QuantJob& job : jobs) {
    warn_before_work(args, job, model, checkpoint.total_bytes());
    job.read_back = args.verify != Verify::kNone;
  }
  log_info(kLogger, "===========QUANTIZE MODEL===========");
  Json files;
  if (is_root) files = source_files(checkpoint, args.sha256);
  const std::vector<QuantSummary> summaries = quantize_models(jobs);
  if (!is_root) return 0;
  log_info(kLogger, "===========SUCCESS===========");
  int code = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (jobs.size() > 1 && !args.quiet)
      std::printf("%srecipe             %s\n", i > 0 ? "\n" : "", jobs[i].plan.config_id.c_str());
    if (!args.quiet) print_summary(summaries[i], jobs[i]);
    code = std::max(code, conclude(all[i], jobs[i], summaries[i], model, files));
  }
  return code;
}

}  // namespace msmodelslim
