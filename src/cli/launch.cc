#include "cli/launch.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace msmodelslim {
namespace {

// Processes that were started together: Open MPI; MPICH, Intel MPI; srun with PMIx.
int launched_processes() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const char* text = std::getenv(name); text != nullptr) return std::max(1, std::atoi(text));
  const char* tasks = std::getenv("SLURM_NTASKS");
  const bool by_srun = std::getenv("PMIX_RANK") != nullptr && tasks != nullptr;
  return by_srun ? std::max(1, std::atoi(tasks)) : 1;
}

}  // namespace

Ranks& Launch::ranks() {
  if (launched_processes() == 1) return lone_rank();
  if (launched_) return *launched_;
  // Global: Open MPI's own modules look for its symbols.
  void* module = ::dlopen(kRanksModule, RTLD_NOW | RTLD_GLOBAL);
  void* join = module == nullptr ? nullptr : ::dlsym(module, kJoinRanks);
  if (join == nullptr)
    throw UsageError(fmt::format("mpirun has started several processes, and MPI cannot be used: {}",
                                 ::dlerror()),
                     "start one process, or build with -DMSMODELSLIM_MPI=ON (docs/mpi.md)");
  launched_.reset(reinterpret_cast<JoinRanks*>(join)());
  return *launched_;
}

void Launch::require_one(const char* command) {
  if (launched_processes() > 1)
    throw UsageError(fmt::format("mpirun has started several processes; {} runs in one", command),
                     "start it without mpirun; only quant is shared out");
}

bool Launch::speaks() {
  failed_ = true;
  if (!launched_) return true;
  all_failed_ = launched_->all_failed();
  return !all_failed_ || launched_->is_root();
}

int Launch::end(int code) {
  if (!launched_) return code;
  if (failed_ && !all_failed_) launched_->stop_all(code);
  launched_->finish();
  return code;
}

}  // namespace msmodelslim
