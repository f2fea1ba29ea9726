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

}  // namespace

Json fingerprint(const QuantJob& job) {
  std::string options = fmt::format("{} {} {} {} {} {}", job.pedigree, job.seed,
                                    static_cast<int>(job.expert_fallback), job.expert_min_tokens,
                                    job.debug, job.int8_pass);
  for (const std::string& pattern : job.exclude) options += "\n" + pattern;
  std::string samples =
      sequences_text(job.samples) + sequences_text(job.anti_samples) + sequences_text(job.held_out);
  for (const Sequences& prior : job.prior_samples) samples += sequences_text(prior);
  return {{"version", MSMODELSLIM_VERSION},
          {"model", hash_text(model_text(job.model_path))},
          {"recipe", hash_text(job.recipe_text + "\n" + job.request)},
          {"options", hash_text(options)},
          {"calibration set", hash_text(samples)}};
}

}  // namespace msmodelslim
