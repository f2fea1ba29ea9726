#include "base/threads.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

namespace msmodelslim {
namespace {

// CPUs granted by the cgroup quota, 0 when there is none. cgroup v2 and v1 files.
double cgroup_cpus() {
  {
    std::ifstream file("/sys/fs/cgroup/cpu.max");
    std::string quota;
    double period = 0;
    if (file >> quota >> period && quota != "max" && period > 0) return std::stod(quota) / period;
  }
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0)
    return quota / period;
  return 0;
}

// CPUs that this process may use. With OMP_PROC_BIND or the like set, the OpenMP runtime has bound
// the first thread to one place of several.
cpu_set_t process_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> cpus(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, cpus.data());
    for (const int cpu : cpus) CPU_SET(cpu, &set);
  }
  if (CPU_COUNT(&set) == 0) sched_getaffinity(0, sizeof(set), &set);
  return set;
}

int g_threads = 0;

}  // namespace

int available_threads() {
  const cpu_set_t set = process_cpus();
  int count = CPU_COUNT(&set);
  const double limit = cgroup_cpus();
  if (limit > 0) count = std::min(count, static_cast<int>(std::ceil(limit)));
  return std::max(count, 1);
}

void set_thread_count(int count) { g_threads = std::max(count, 1); }

int thread_count() {
  if (g_threads == 0) g_threads = available_threads();
  return g_threads;
}

void sleep_while_waiting(char** argv, int spins) {
  if (::getenv("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("GOMP_SPINCOUNT", std::to_string(spins).c_str(), 0);
  const cpu_set_t set = process_cpus();
  sched_setaffinity(0, sizeof(set), &set);
  if (::setenv("OMP_WAIT_POLICY", "PASSIVE", 1) == 0) ::execv("/proc/self/exe", argv);
}

void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& body) {
  if (count == 1) {
    body(0);
    return;
  }
  if (count <= 0) return;
  std::exception_ptr failure;
  // Always the whole team: the runtime ends threads that a smaller one leaves over.
#pragma omp parallel for num_threads(thread_count()) schedule(dynamic, 1)
  for (std::int64_t i = 0; i < count; ++i) {
    try {
      body(i);
    } catch (...) {
#pragma omp critical(msmodelslim_parallel_failure)
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void parallel_ranges(std::int64_t count, std::int64_t grain,
                     const std::function<void(std::int64_t, std::int64_t)>& body) {
  const std::int64_t pieces = (count + grain - 1) / grain;
  parallel_for(pieces, [&](std::int64_t piece) {
    body(piece * grain, std::min(count, (piece + 1) * grain));
  });
}

}  // namespace msmodelslim
