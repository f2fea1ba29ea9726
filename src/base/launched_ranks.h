#pragma once
// What the program asks of the module that knows MPI (mpi/mpi_ranks.cc).

#include "base/ranks.h"

namespace msmodelslim {

class LaunchedRanks : public Ranks {
 public:
  // After a failure of this rank: whether all ranks have failed. Waits about two seconds for them.
  virtual bool all_failed() = 0;
  virtual void finish() = 0;  // nothing is asked afterwards
  // Ends all processes; this one too.
  virtual void stop_all(int code) = 0;
};

// The module's one function, `extern "C"`: joins the other processes. Called once.
inline constexpr const char* kRanksModule = "libmsmodelslim_mpi.so";
inline constexpr const char* kJoinRanks = "msmodelslim_join_ranks";
using JoinRanks = LaunchedRanks*();

}  // namespace msmodelslim
