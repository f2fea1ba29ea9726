#pragma once
// The ranks of a command that `mpirun` has started. The module that knows MPI is loaded only when
// mpirun's variables are in the environment, so that a plain start is a plain start.

#include <memory>

#include "base/launched_ranks.h"

namespace msmodelslim {

class Launch {
 public:
  // Joins the other ranks, the first time. Under an mpirun with several processes UsageError when
  // the module is not there: the program was built without MPI.
  Ranks& ranks();
  // Throws UsageError when several processes were started: `command` is work for one.
  static void require_one(const char* command);
  // After a failure: whether this rank says what happened. When all ranks fail, as with wrong
  // arguments, one of them does.
  bool speaks();
  // The exit code of the process. When other ranks have not failed, they are stopped, and it does
  // not return.
  int end(int code);

 private:
  std::unique_ptr<LaunchedRanks> launched_;
  bool failed_ = false;
  bool all_failed_ = false;
};

}  // namespace msmodelslim
