#include "base/usage.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace msmodelslim {
namespace {

// A "Name:   123 kB" line of /proc/self/status, in bytes; 0 when absent.
std::uint64_t status_bytes(const std::string& key) {
  std::ifstream file("/proc/self/status");
  std::string name;
  while (file >> name) {
    std::uint64_t kib = 0;
    if (name == key + ":" && file >> kib) return kib * 1024;
    file.ignore(1 << 12, '\n');
  }
  return 0;
}

}  // namespace

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void return_freed_memory() {
#ifdef M_MMAP_THRESHOLD
  constexpr int kLargeBlock = 32 << 20;
  mallopt(M_MMAP_THRESHOLD, kLargeBlock);
#endif
}

std::uint64_t peak_resident_bytes() { return status_bytes("VmHWM"); }

std::uint64_t private_bytes() { return status_bytes("RssAnon"); }

std::uint64_t peak_private_bytes() {
  const std::uint64_t peak = peak_resident_bytes();
  return peak - std::min(peak, status_bytes("RssFile"));
}

}  // namespace msmodelslim
