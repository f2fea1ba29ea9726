#include "base/usage.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

#include "base/control_group.h"

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
