#include "cli/memory_budget.h"

#include <cmath>
#include <cstdlib>
#include <map>

#include "base/ascii.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/usage.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "quant";

std::string gigabytes(std::uint64_t bytes) {
  return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

// The nearest folder above the result that exists: its own folder is only made at the end.
std::string scratch_folder(const QuantArgs& args) {
  if (!args.scratch_dir.empty()) {
    if (!fs::is_directory(args.scratch_dir))
      throw UsageError(fmt::format("--scratch_dir {} is not a folder", args.scratch_dir),
                       "make it, or leave the option out");
    return args.scratch_dir;
  }
  std::error_code ec;
  fs::path folder = fs::absolute(args.save_path).lexically_normal().parent_path();
  while (!fs::is_directory(folder, ec) && folder.has_relative_path()) folder = folder.parent_path();
  return folder.string();
}

}  // namespace

std::uint64_t parse_byte_size(const std::string& option, const std::string& text) {
  static const std::map<std::string, double> units = {
      {"", 1},          {"b", 1},       {"kb", 1e3},       {"k", 1024},        {"kib", 1024},
      {"mb", 1e6},      {"m", 1 << 20}, {"mib", 1 << 20},  {"gb", 1e9},        {"g", 1 << 30},
      {"gib", 1 << 30}, {"tb", 1e12},   {"t", 1ULL << 40}, {"tib", 1ULL << 40}};
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  std::string unit(end);
  unit.erase(0, unit.find_first_not_of(' ') == std::string::npos ? 0 : unit.find_first_not_of(' '));
  const auto found = units.find(ascii_lower(unit));
  if (end == text.c_str() || found == units.end() || !(value > 0) || value > 1e15)
    throw UsageError(fmt::format("{} {}: this is no size", option, text),
                     "give a number with a unit, such as 8GiB or 500MB");
  return static_cast<std::uint64_t>(value * found->second);
}

std::uint64_t memory_budget(const QuantArgs& args) {
  return args.max_memory.value_or(available_memory() / 10 * 9);
}

void keep_to_memory(const QuantArgs& args, const MemoryPlan& plan, std::vector<QuantJob>* jobs) {
  const std::uint64_t budget = memory_budget(args);
  const std::string scratch = scratch_folder(args);
  const bool spills = plan.states > 0 && plan.needed(false) > budget;
  if (spills) {
    for (QuantJob& job : *jobs) job.scratch = scratch;
    log_info(kLogger, "{} of hidden states go to a scratch file in {}", gigabytes(plan.states),
             scratch);
  }
  const std::uint64_t needed = plan.needed(spills);
  if (needed > budget) {
    const std::string problem = fmt::format(
        "this run needs about {} of memory ({}), {} are {}", gigabytes(needed), plan.largest(),
        gigabytes(budget), args.max_memory ? "allowed by --max_memory" : "left on this machine");
    if (args.max_memory)
      throw ResourceError(problem, "allow more, or take another recipe or fewer --calib_tokens");
    log_warning(kLogger, "{}", problem);
  }
  if (args.max_memory && !args.dry_run) limit_private_memory(budget);
}

}  // namespace msmodelslim
