// Which recipes of a run, or which file, have the passes that a recipe needs.

#include <fmt/format.h>

#include "base/error.h"
#include "pipeline/fingerprint.h"
#include "pipeline/quantize_model.h"
#include "pipeline/same_statistics.h"
#include "pipeline/statistics_file.h"
#include "recipe/recipe.h"

namespace msmodelslim {
namespace {

std::string different_parts(const Json& kept, const Json& wanted) {
  std::string parts;
  for (const auto& [part, hash] : wanted.items())
    if (kept.value(part, Json()) != hash) parts += (parts.empty() ? "" : ", ") + part;
  return parts;
}

Plan plan_of(const StatisticsFile& file) {
  try {
    const Recipe recipe = parse_recipe(file.header().at("recipe"), file.path());
    return make_plan(recipe);
  } catch (const UsageError& error) {
    throw DataError(
        fmt::format("{}: the file of statistics is damaged: {}", file.path(), error.what()),
        "make it again with --stats_out");
  }
}

void check_statistics(const StatisticsFile& file, const QuantJob& job, const Json& print) {
  const std::string other = fmt::format(
      "--stats_in {}: the statistics do not serve {}: ", file.path(), job.plan.config_id);
  const std::string anew = "leave out --stats_in to calibrate, and give --stats_out to keep it";
  if (const std::string reason = reason_not_kept(job.plan); !reason.empty())
    throw UsageError(other + reason, anew);
  Json wanted = print;
  if (!job.ranks->is_root()) wanted.erase("model");  // a copy, see check_ranks()
  if (const std::string parts = different_parts(file.header().at("print"), wanted); !parts.empty())
    throw UsageError(fmt::format("{}{} differ", other, parts),
                     "give the model, the calibration set and the options that they were made "
                     "with; or " +
                         anew);
  if (const std::string difference = statistics_difference(job.plan, plan_of(file));
      !difference.empty())
    throw UsageError(other + difference, "docs/several.md says what may differ; or " + anew);
}

// Of the jobs before `index`: the number of one whose passes gather what those of this one do.
// None: -1, and why not the last.
int source_of(const std::vector<QuantJob>& jobs, const std::vector<Json>& prints, std::size_t index,
              std::string* why) {
  const QuantJob& job = jobs[index];
  for (std::size_t i = 0; i < index; ++i) {
    if (jobs[i].no_passes || !needs_data(jobs[i].plan)) continue;
    std::string difference = reason_not_kept(job.plan);
    if (difference.empty()) difference = reason_not_kept(jobs[i].plan);
    if (difference.empty()) {
      const std::string parts = different_parts(prints[i], prints[index]);
      if (!parts.empty()) difference = parts + " differ";
    }
    if (difference.empty()) difference = statistics_difference(job.plan, jobs[i].plan);
    if (difference.empty()) return static_cast<int>(i);
    *why = fmt::format(" ({}: {})", jobs[i].plan.config_id, difference);
  }
  return -1;
}

void check_kept(const std::vector<QuantJob>& jobs) {
  const QuantJob* source = nullptr;
  for (const QuantJob& job : jobs) {
    if (job.no_passes || !needs_data(job.plan)) continue;
    if (source != nullptr)
      throw UsageError(
          fmt::format("--stats_out {}: {} and {} make passes of their own, and one file keeps one",
                      job.stats_out, source->plan.config_id, job.plan.config_id),
          "run them one after the other, each with a file of its own");
    source = &job;
  }
  const std::string where = "--stats_out " + jobs.front().stats_out;
  if (source == nullptr)
    throw UsageError(where + ": there is nothing to keep, no recipe makes a pass",
                     "leave out --stats_out");
  if (const std::string reason = reason_not_kept(source->plan); !reason.empty())
    throw UsageError(
        fmt::format("{}: {}: {}, which cannot be kept", where, source->plan.config_id, reason),
        "leave out --stats_out");
}

}  // namespace

void share_passes(std::vector<QuantJob>* jobs) {
  const QuantJob& first = jobs->front();
  const bool shares = jobs->size() > 1 || !first.stats_in.empty() || !first.stats_out.empty();
  for (QuantJob& job : *jobs) {
    job.no_passes = job.gathers = false;
    job.passes_of = -1;
    job.passes = "own";
    job.beside.clear();
  }
  if (!shares) return;
  std::unique_ptr<StatisticsFile> file;
  if (!first.stats_in.empty()) file = std::make_unique<StatisticsFile>(first.stats_in);
  std::vector<Json> prints;
  for (const QuantJob& job : *jobs) prints.push_back(statistics_print(job));
  bool used = false;
  for (std::size_t i = 0; i < jobs->size(); ++i) {
    QuantJob& job = (*jobs)[i];
    for (std::size_t other = 0; other < jobs->size(); ++other)
      if (other != i) job.beside += (*jobs)[other].recipe_text + (*jobs)[other].request + "\n";
    if (!needs_data(job.plan)) {
      job.passes = "none, it needs no data";
      continue;
    }
    std::string why;
    if (file) {
      check_statistics(*file, job, prints[i]);
      job.passes = "of " + file->path();
      job.no_passes = used = true;
    } else if (job.passes_of = source_of(*jobs, prints, i, &why); job.passes_of >= 0) {
      job.passes = "of " + (*jobs)[static_cast<std::size_t>(job.passes_of)].plan.config_id;
      job.no_passes = true;
      (*jobs)[static_cast<std::size_t>(job.passes_of)].gathers = true;
    } else {
      job.passes = "own" + why;
      job.gathers = !job.stats_out.empty();
    }
  }
  if (file && !used)
    throw UsageError(fmt::format("--stats_in {}: no recipe needs it", file->path()),
                     "leave out --stats_in");
  if (!first.stats_out.empty()) check_kept(*jobs);
}

}  // namespace msmodelslim
