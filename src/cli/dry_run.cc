#include "cli/dry_run.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/output_folder.h"
#include "checkpoint/tensor_summary.h"
#include "cli/estimate.h"
#include "pipeline/cost.h"
#include "pipeline/preview.h"

namespace msmodelslim {
namespace {

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

// The nearest folder that exists already.
fs::path existing(const std::string& folder) {
  std::error_code ec;
  fs::path path = fs::absolute(folder, ec);
  while (!fs::exists(path, ec) && path.has_relative_path()) path = path.parent_path();
  return path;
}

// Room on the disk of a folder; the largest number when it is unknown.
std::uint64_t free_bytes(const std::string& folder) {
  std::error_code ec;
  const fs::space_info space = fs::space(existing(folder), ec);
  return ec ? UINT64_MAX : space.available;
}

dev_t disk_of(const std::string& folder) {
  struct stat about {};
  return ::stat(existing(folder).c_str(), &about) == 0 ? about.st_dev : 0;
}

// Sizes are not exact, so that only a disk with clearly too little room is a problem; what an
// unfinished run has written is used again, or removed.
class DiskNeeds {
 public:
  void add(const std::string& path, std::uint64_t bytes, std::uint64_t there) {
    Need& need = needs_[disk_of(path)];
    if (need.path.empty()) need.path = path;
    need.bytes += bytes;
    need.there += there;
  }
  std::vector<std::string> problems() const {
    std::vector<std::string> all;
    for (const auto& [disk, need] : needs_) {
      const std::uint64_t room = free_bytes(need.path);
      if (static_cast<double>(room) + static_cast<double>(need.there) <
          0.9 * static_cast<double>(need.bytes))
        all.push_back(fmt::format("{}: the result takes about {}, the disk has {} left", need.path,
                                  megabytes(need.bytes), megabytes(room)));
    }
    return all;
  }

 private:
  struct Need {
    std::string path;
    std::uint64_t bytes = 0;
    std::uint64_t there = 0;
  };
  std::map<dev_t, Need> needs_;
};

// `results`: the bytes of each job's folder.
std::vector<std::string> disk_problems(const std::vector<QuantJob>& jobs,
                                       const std::vector<std::uint64_t>& results,
                                       const ModelSpec& model) {
  DiskNeeds needs;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    needs.add(jobs[i].save_path, results[i], unfinished_bytes(jobs[i].save_path));
    if (!jobs[i].stats_out.empty() && jobs[i].gathers)
      needs.add(jobs[i].stats_out, gathered_size(jobs[i], model).all, 0);
  }
  return needs.problems();
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

int dry_run(const QuantArgs& args, const std::vector<QuantJob>& jobs, const ModelSpec& model,
            const CheckpointReader& checkpoint, const MemoryPlan& memory,
            std::vector<std::string> problems) {
  std::vector<std::uint64_t> results;
  Json recipes = Json::array();
  double flop = 0;
  double attention = 0;
  double seconds = 0;
  std::size_t tokens = 0;
  const auto line = [](const char* name, const std::string& value) {
    std::fputs(fmt::format("{:<18} {}\n", name, value).c_str(), stdout);
  };
  for (const QuantJob& job : jobs) {
    const std::vector<PlannedTensor> tensors = preview(job, model, checkpoint);
    results.push_back(planned_bytes(tensors));
    const std::vector<std::vector<std::int32_t>> none;
    const auto& passing = job.no_passes ? none : job.samples;
    flop += calibration_flop(model, job.plan, passing);
    attention += attention_flop(model, job.plan, passing);
    seconds += estimate_seconds(model, job.plan, passing, checkpoint.total_bytes());
    std::size_t own = 0;
    for (const auto& sample : job.samples) own += sample.size();
    tokens = std::max(tokens, own);
    if (args.json) {
      recipes.push_back({{"recipe", job.plan.config_id},
                         {"save_path", job.save_path},
                         {"passes", job.passes},
                         {"tensors", tensors_json(tensors)},
                         {"bytes_before", checkpoint.total_bytes()},
                         {"bytes_after", results.back()},
                         {"free_bytes", free_bytes(job.save_path)}});
      continue;
    }
    print_tensors(tensors);
    line("recipe", job.plan.config_id);
    line("weights", fmt::format("{} -> about {}", megabytes(checkpoint.total_bytes()),
                                megabytes(results.back())));
    line("disk", fmt::format("{} free at {}", megabytes(free_bytes(job.save_path)), job.save_path));
    if (job.passes != "own") line("forward passes", job.passes);
    if (jobs.size() > 1) std::fputs("\n", stdout);
  }
  for (std::string& problem : disk_problems(jobs, results, model))
    problems.push_back(std::move(problem));
  if (args.json) {
    Json json = {{"memory", memory_json(memory, jobs.front())},
                 {"calibration_tokens", tokens},
                 {"flop", flop},
                 {"attention_flop", attention},
                 {"seconds", seconds},
                 {"problems", problems}};
    if (jobs.size() == 1)
      json.update(recipes.front());
    else
      json["recipes"] = std::move(recipes);
    std::printf("%s\n", json.dump(2).c_str());
    return problems.empty() ? 0 : 2;
  }
  line("memory", memory_text(memory, jobs.front()));
  line("calibration", fmt::format("{} tokens, {:.3g} TFLOP in linears, {:.3g} in attention", tokens,
                                  flop / 1e12, attention / 1e12));
  line("time", fmt::format("about {:.0f} s on this machine", seconds));
  for (const std::string& problem : problems) line("PROBLEM", problem);
  line("verdict", problems.empty() ? "the run would start" : "the run would stop before any work");
  return problems.empty() ? 0 : 2;
}

void check_disk(const std::vector<QuantJob>& jobs, const ModelSpec& model,
                const CheckpointReader& checkpoint) {
  std::vector<std::uint64_t> results;
  results.reserve(jobs.size());
  for (const QuantJob& job : jobs)
    results.push_back(planned_bytes(preview(job, model, checkpoint)));
  if (const auto problems = disk_problems(jobs, results, model); !problems.empty())
    throw ResourceError(problems.front(), "free space on the disk or choose another --save_path");
}

}  // namespace msmodelslim
