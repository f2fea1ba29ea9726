#include "cli/dry_run.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/output_folder.h"
#include "checkpoint/tensor_summary.h"
#include "cli/estimate.h"
#include "pipeline/preview.h"

namespace msmodelslim {
namespace {

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

// Room on the disk of a folder that may not exist yet; the largest number when it is unknown.
std::uint64_t free_bytes(const std::string& folder) {
  std::error_code ec;
  fs::path path = fs::absolute(folder, ec);
  while (!fs::exists(path, ec) && path.has_relative_path()) path = path.parent_path();
  const fs::space_info space = fs::space(path, ec);
  return ec ? UINT64_MAX : space.available;
}

// Sizes are not exact, so that only a disk with clearly too little room is a problem; what an
// unfinished run has written is used again, or removed.
std::string disk_problem(const std::string& folder, std::uint64_t needed) {
  const std::uint64_t room = free_bytes(folder);
  if (static_cast<double>(room) + static_cast<double>(unfinished_bytes(folder)) >=
      0.9 * static_cast<double>(needed))
    return "";
  return fmt::format("{}: the result takes about {}, the disk has {} left", folder,
                     megabytes(needed), megabytes(room));
}

// Layers of the same kind together.
void print_tensors(const std::vector<PlannedTensor>& tensors) {
  struct Line {
    const PlannedTensor* first = nullptr;
    std::string name;
    std::int64_t count = 0;
    std::uint64_t before = 0, after = 0;
  };
  std::vector<Line> lines;
  std::map<std::string, std::size_t> place;
  std::size_t width = 0;
  for (const PlannedTensor& tensor : tensors) {
    const std::string name = without_numbers(tensor.name);
    const std::string key =
        fmt::format("{} {} {} {}", name, shape_text(tensor.shape), tensor.from, tensor.to);
    const auto [at, fresh] = place.emplace(key, lines.size());
    if (fresh) lines.push_back({&tensor, name});
    Line& line = lines[at->second];
    ++line.count;
    line.before += tensor.bytes_before;
    line.after += tensor.bytes_after;
    width = std::max(width, name.size());
  }
  for (const Line& line : lines)
    std::fputs(
        fmt::format("{:<{}}  {:<13} {:<16} x{:<5} {:<6} -> {:<16} {:>12} -> {}\n", line.name, width,
                    line.first->role, shape_text(line.first->shape), line.count, line.first->from,
                    line.first->to, megabytes(line.before), megabytes(line.after))
            .c_str(),
        stdout);
}

Json tensors_json(const std::vector<PlannedTensor>& tensors) {
  Json json = Json::array();
  for (const PlannedTensor& t : tensors)
    json.push_back({{"name", t.name},
                    {"role", t.role},
                    {"shape", t.shape},
                    {"from", t.from},
                    {"to", t.to},
                    {"bytes_before", t.bytes_before},
                    {"bytes_after", t.bytes_after}});
  return json;
}

Json memory_json(const MemoryPlan& memory, const QuantJob& job) {
  Json parts = Json::object();
  for (const MemoryItem& item : memory.items) parts[item.name] = item.bytes;
  return {{"bytes", memory.needed(!job.scratch.empty())},
          {"parts", std::move(parts)},
          {"hidden_states", memory.states},
          {"scratch_dir", job.scratch}};
}

std::string memory_text(const MemoryPlan& memory, const QuantJob& job) {
  std::string text = fmt::format("at most about {} ({}",
                                 megabytes(memory.needed(!job.scratch.empty())), memory.largest());
  if (memory.states > 0)
    text += fmt::format("; hidden states {}{}", megabytes(memory.states),
                        job.scratch.empty() ? "" : ", in a scratch file in " + job.scratch);
  return text + ")";
}

}  // namespace

int dry_run(const QuantArgs& args, const QuantJob& job, const ModelSpec& model,
            const CheckpointReader& checkpoint, const MemoryPlan& memory,
            std::vector<std::string> problems) {
  const std::vector<PlannedTensor> tensors = preview(job, model, checkpoint);
  const std::uint64_t after = planned_bytes(tensors);
  if (std::string problem = disk_problem(job.save_path, after); !problem.empty())
    problems.push_back(std::move(problem));
  const double flop = calibration_flop(model, job.plan, job.samples);
  const double seconds = estimate_seconds(model, job.plan, job.samples, checkpoint.total_bytes());
  std::size_t tokens = 0;
  for (const auto& sample : job.samples) tokens += sample.size();
  if (args.json) {
    const Json json = {{"recipe", job.plan.config_id},
                       {"tensors", tensors_json(tensors)},
                       {"bytes_before", checkpoint.total_bytes()},
                       {"bytes_after", after},
                       {"free_bytes", free_bytes(job.save_path)},
                       {"memory", memory_json(memory, job)},
                       {"calibration_tokens", tokens},
                       {"flop", flop},
                       {"seconds", seconds},
                       {"problems", problems}};
    std::printf("%s\n", json.dump(2).c_str());
    return problems.empty() ? 0 : 2;
  }
  print_tensors(tensors);
  const auto line = [](const char* name, const std::string& value) {
    std::fputs(fmt::format("{:<18} {}\n", name, value).c_str(), stdout);
  };
  line("recipe", job.plan.config_id);
  line("weights",
       fmt::format("{} -> about {}", megabytes(checkpoint.total_bytes()), megabytes(after)));
  line("disk", fmt::format("{} free at {}", megabytes(free_bytes(job.save_path)), job.save_path));
  line("memory", memory_text(memory, job));
  line("calibration", fmt::format("{} tokens, {:.3g} TFLOP", tokens, flop / 1e12));
  line("time", fmt::format("about {:.0f} s on this machine", seconds));
  for (const std::string& problem : problems) line("PROBLEM", problem);
  line("verdict", problems.empty() ? "the run would start" : "the run would stop before any work");
  return problems.empty() ? 0 : 2;
}

void check_disk(const QuantJob& job, const ModelSpec& model, const CheckpointReader& checkpoint) {
  const std::string problem =
      disk_problem(job.save_path, planned_bytes(preview(job, model, checkpoint)));
  if (!problem.empty())
    throw ResourceError(problem, "free space on the disk or choose another --save_path");
}

}  // namespace msmodelslim
