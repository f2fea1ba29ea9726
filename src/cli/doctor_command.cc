#include "cli/doctor_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/resources.h"
#include "base/threads.h"
#include "base/usage.h"
#include "cli/command_line.h"
#include "cli/machine.h"
#include "kernels/gemm.h"
#include "report/run_facts.h"

namespace msmodelslim {
namespace {

constexpr std::uint64_t kDiskBytes = 64 << 20;

enum class State { kGood, kSlow, kBad };

struct Finding {
  State state = State::kGood;
  std::string name;
  std::string value;
  std::string meaning;
};

const char* state_name(State state) {
  switch (state) {
    case State::kGood:
      return "ok";
    case State::kSlow:
      return "note";
    case State::kBad:
      break;
  }
  return "BAD";
}

std::string gigabytes(double bytes) { return fmt::format("{:.1f} GB", bytes / 1e9); }

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text.empty() ? "none that matters" : text;
}

class Doctor {
 public:
  explicit Doctor(std::string folder) : folder_(std::move(folder)) {}

  std::vector<Finding> examine() {
    processor();
    memory();
    disk();
    library();
    environment();
    return std::move(findings_);
  }

 private:
  void add(State state, std::string name, std::string value, std::string meaning = "") {
    findings_.push_back({state, std::move(name), std::move(value), std::move(meaning)});
  }

  void processor() {
    add(State::kGood, "processor", fmt::format("{}, {} threads", cpu_name(), available_threads()));
    add(State::kGood, "instructions", joined(cpu_features()));
    if (has_s8_products())
      add(State::kGood, "int8 products", "native",
          "generate, serve and eval of 8-bit folders run at full speed");
    else
      add(State::kSlow, "int8 products", "without VNNI or sdot",
          "8-bit folders are run by kernels that do without; newer processors are faster");
    if (has_bf16_products())
      add(State::kGood, "bfloat16 products", "native",
          "bfloat16 models calibrate faster than float32 ones");
    else
      add(State::kSlow, "bfloat16 products", "in fp32",
          "bfloat16 models calibrate as fast as float32 ones");
    const double speed = product_speed(false);
    add(State::kGood, "fp32 products", fmt::format("{:.0f} GFLOP/s", speed / 1e9),
        fmt::format("a pass of 30,000 tokens through 7 billion weights takes about {:.0f} minutes",
                    2 * 7e9 * 3e4 / speed / 60));
  }

  void memory() {
    const auto available = static_cast<double>(available_memory());
    constexpr double kFew = 1e9;
    add(available < kFew ? State::kSlow : State::kGood, "memory",
        gigabytes(available) + " available",
        "quant --dry_run tells what a model and a recipe need");
  }

  void disk() {
    std::error_code ec;
    const fs::space_info space = fs::space(folder_, ec);
    if (ec) {
      add(State::kBad, "disk", folder_, ec.message());
      return;
    }
    const auto room = static_cast<double>(space.available);
    add(room < 5e9 ? State::kSlow : State::kGood, "disk", gigabytes(room) + " free at " + folder_,
        "an 8-bit folder takes about half of a 16-bit model");
    if (space.available < 2 * kDiskBytes) {
      add(State::kSlow, "disk speed", "not measured", "too little room");
      return;
    }
    try {
      const DiskSpeed speed = disk_speed(folder_, kDiskBytes);
      add(State::kGood, "disk speed",
          fmt::format("writes {:.2f} GB/s, reads {:.2f} GB/s", speed.write / 1e9, speed.read / 1e9),
          fmt::format("reading a 16-bit 7B model and writing 8 bits takes about {:.0f} s",
                      14e9 / speed.read + 7e9 / speed.write));
    } catch (const Error& error) {
      add(State::kBad, "disk speed", "not measured", error.what());
    }
  }

  void library() {
    try {
      const std::string share = share_dir();
      std::size_t recipes = 0;
      for (const auto& entry : fs::recursive_directory_iterator(share + "/recipes"))
        recipes += entry.path().extension() == ".yaml" ? 1 : 0;
      add(recipes > 0 ? State::kGood : State::kBad, "recipes",
          fmt::format("{} in {}", recipes, share));
    } catch (const Error& error) {
      add(State::kBad, "recipes", error.what(), error.remedy());
    }
  }

  void environment() {
    for (const char* name : {"MSMODELSLIM_CUSTOM_PRACTICE_REPO", "MSMODELSLIM_SHARE"}) {
      const char* value = std::getenv(name);
      if (value == nullptr || *value == '\0') continue;
      const bool there = fs::is_directory(value);
      add(there ? State::kGood : State::kBad, name, value, there ? "" : "this is no folder");
    }
  }

  std::string folder_;
  std::vector<Finding> findings_;
};

}  // namespace

int run_doctor(const std::vector<std::string>& words) {
  CLI::App app("Tells what this machine has, and what that means for a run.", "msmodelslim doctor");
  std::string folder = ".";
  bool json = false;
  app.add_option("--path", folder, "folder whose disk is looked at (default: the current one)")
      ->type_name("DIR");
  app.add_flag("--json", json, "for programs");
  if (!parse_words(app, words)) return 0;
  if (!fs::is_directory(folder))
    throw UsageError(fmt::format("--path {} is not a folder", folder), "give one that exists");
  const std::vector<Finding> findings = Doctor(folder).examine();
  const bool bad = std::any_of(findings.begin(), findings.end(),
                               [](const Finding& f) { return f.state == State::kBad; });
  if (json) {
    Json list = Json::array();
    for (const Finding& f : findings)
      list.push_back({{"state", state_name(f.state)},
                      {"name", f.name},
                      {"value", f.value},
                      {"meaning", f.meaning}});
    const Json all = {{"version", MSMODELSLIM_VERSION}, {"findings", std::move(list)}};
    std::printf("%s\n", all.dump(2).c_str());
    return bad ? 1 : 0;
  }
  std::printf("msmodelslim %s\n", MSMODELSLIM_VERSION);
  for (const Finding& f : findings) {
    std::fputs(fmt::format("{:<5} {:<18} {}\n", state_name(f.state), f.name, f.value).c_str(),
               stdout);
    if (!f.meaning.empty()) std::fputs(fmt::format("{:24} {}\n", "", f.meaning).c_str(), stdout);
  }
  return bad ? 1 : 0;
}

}  // namespace msmodelslim
