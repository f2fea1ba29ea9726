#include "base/usage.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

namespace msmodelslim {
namespace {

// A "Name:   123 kB" line of a file in /proc, in bytes; 0 when absent.
std::uint64_t proc_bytes(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string name;
  while (file >> name) {
    std::uint64_t kib = 0;
    if (name == key + ":" && file >> kib) return kib * 1024;
    file.ignore(1 << 12, '\n');
  }
  return 0;
}

std::uint64_t status_bytes(const std::string& key) { return proc_bytes("/proc/self/status", key); }

// The number in a file, or the largest one: control groups say "max" where there is no limit.
std::uint64_t number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  return file >> value ? value : UINT64_MAX;
}

// What a control group of this process (version 2 or 1) and those above it leave.
std::uint64_t control_group_room() {
  std::ifstream file("/proc/self/cgroup");
  std::uint64_t room = UINT64_MAX;
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string kinds = line.substr(first + 1, second - first - 1);
    const bool old = ("," + kinds + ",").find(",memory,") != std::string::npos;
    if (!old && !kinds.empty()) continue;
    const std::string root = old ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
    for (std::string group = line.substr(second + 1);; group.resize(group.rfind('/'))) {
      const std::string folder = root + (group == "/" ? "" : group) + "/";
      const std::uint64_t most = number_in(folder + (old ? "memory.limit_in_bytes" : "memory.max"));
      const std::uint64_t used = private_bytes();
      if (most != UINT64_MAX) room = std::min(room, most - std::min(most, used));
      if (group.empty() || group.rfind('/') == std::string::npos) break;
    }
  }
  return room;
}

}  // namespace

PeakWatch::PeakWatch()
    : thread_([this] {
        while (!stop_) {
          look();
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
      }) {}

PeakWatch::~PeakWatch() {
  stop_ = true;
  thread_.join();
}

void PeakWatch::look() { peak_ = std::max(peak_.load(), private_bytes()); }

std::uint64_t PeakWatch::peak() {
  look();
  return peak_;
}

std::uint64_t available_memory() {
  const std::uint64_t system = proc_bytes("/proc/meminfo", "MemAvailable");
  return std::min(system > 0 ? system : UINT64_MAX, control_group_room());
}

void limit_private_memory(std::uint64_t bytes) {
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_DATA, &limit);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::int64_t disk_reads() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_majflt;
}

void return_freed_memory() {
#ifdef M_MMAP_THRESHOLD
  constexpr int kLargeBlock = 32 << 20;
  mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  mallopt(M_TRIM_THRESHOLD, 4 * kLargeBlock);
#endif
}

std::uint64_t peak_resident_bytes() { return status_bytes("VmHWM"); }

std::uint64_t private_bytes() { return status_bytes("RssAnon"); }

std::uint64_t peak_private_bytes() {
  const std::uint64_t peak = peak_resident_bytes();
  return peak - std::min(peak, status_bytes("RssFile"));
}

}  // namespace msmodelslim
