#include "pipeline/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/hash.h"

namespace msmodelslim {
namespace {

using Sequences = std::vector<std::vector<std::int32_t>>;

std::string hash_text(const std::string& text) {
  return fmt::format("{:016x}", hash_bytes(text.data(), text.size()));
}

std::string model_text(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& item :
       fs::recursive_directory_iterator(folder, fs::directory_options::follow_directory_symlink)) {
    if (!item.is_regular_file()) continue;
    files.push_back(fmt::format("{} {} {}", item.path().string(), item.file_size(),
                                item.last_write_time().time_since_epoch().count()));
  }
  std::sort(files.begin(), files.end());
  std::string text;
  for (const std::string& file : files) text += file + "\n";
  return text;
}

std::string sequences_text(const Sequences& sequences) {
  std::string text = fmt::format("{}:", sequences.size());
  for (const auto& ids : sequences)
    text += fmt::format(" {} {:016x}", ids.size(),
                        hash_bytes(ids.data(), ids.size() * sizeof(std::int32_t)));
  return text;
}

// What decides about the passes besides the recipe.
std::string options_text(const QuantJob& job) {
  std::string options =
      fmt::format("{} {} {} {} {}", job.pedigree, job.seed, static_cast<int>(job.expert_fallback),
                  job.expert_min_tokens, job.int8_pass);
  for (const std::string& pattern : job.exclude) options += "\n" + pattern;
  return options;
}

std::string samples_text(const QuantJob& job) {
  std::string samples = sequences_text(job.samples) + sequences_text(job.anti_samples);
  for (const Sequences& prior : job.prior_samples) samples += sequences_text(prior);
  return samples;
}

}  // namespace

Json fingerprint(const QuantJob& job) {
  return {{"version", MSMODELSLIM_VERSION},
          {"model", hash_text(model_text(job.model_path))},
          {"recipe", hash_text(job.recipe_text + "\n" + job.request)},
          {"options", hash_text(fmt::format("{} {}", options_text(job), job.debug))},
          {"calibration set", hash_text(samples_text(job) + sequences_text(job.held_out))},
          {"other recipes and statistics",
           hash_text(job.beside + "\n" + job.stats_in + "\n" + job.stats_out)}};
}

Json statistics_print(const QuantJob& job) {
  return {{"version", MSMODELSLIM_VERSION},
          {"model", hash_text(model_text(job.model_path) + std::to_string(job.layers))},
          {"options", hash_text(options_text(job))},
          {"calibration set", hash_text(samples_text(job))}};
}

Json statistics_header(const QuantJob& job) {
  return {{"print", statistics_print(job)}, {"recipe", job.recipe_text}};
}

}  // namespace msmodelslim
