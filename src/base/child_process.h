#pragma once
// Shell commands that the user wrote, in a process group of their own that is ended as a whole.

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace msmodelslim {

class ChildProcess {
 public:
  // Starts `/bin/sh -c command`; standard errors go to the end of the file `log`, and the output
  // too, or to the file `output`, anew. ResourceError when that cannot be.
  ChildProcess(const std::string& command, const std::string& log, const std::string& output = "");
  ~ChildProcess();  // stop()
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool running();  // also learns how it ended
  // Its exit status, 128 + signal for one that was killed; only when not running().
  int status() const { return status_; }
  // Asks the group to end, and kills it when it has not after ten seconds.
  void stop();

 private:
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

// Runs a command to its end and gives what it printed; errors go to the file `log`. DataError for a
// status other than 0 and for one that takes longer than `timeout` seconds.
std::string run_command(const std::string& command, std::int64_t timeout, const std::string& log);

}  // namespace msmodelslim
