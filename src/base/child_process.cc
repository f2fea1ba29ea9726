#include "base/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"

namespace msmodelslim {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPause = std::chrono::milliseconds(50);

[[noreturn]] void run_shell(const char* command, int output, int errors) {
  ::setpgid(0, 0);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::execl("/bin/sh", "sh", "-c", command, static_cast<char*>(nullptr));
  ::_exit(127);
}

class LogFile {
 public:
  LogFile(const std::string& path, int mode)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0644)) {
    if (file_ < 0) throw ResourceError(fmt::format("{}: cannot be written", path));
  }
  ~LogFile() { ::close(file_); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  int descriptor() const { return file_; }

 private:
  int file_;
};

}  // namespace

ChildProcess::ChildProcess(const std::string& command, const std::string& log,
                           const std::string& output) {
  const LogFile errors(log, O_APPEND);
  std::optional<LogFile> own;
  if (!output.empty()) own.emplace(output, O_TRUNC);
  pid_ = ::fork();
  if (pid_ == 0)
    run_shell(command.c_str(), own ? own->descriptor() : errors.descriptor(), errors.descriptor());
  if (pid_ < 0) throw ResourceError("no process can be started");
  ::setpgid(pid_, pid_);
}

ChildProcess::~ChildProcess() { stop(); }

bool ChildProcess::running() {
  int status = 0;
  if (ended_ || ::waitpid(pid_, &status, WNOHANG) == 0) return !ended_;
  ended_ = true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

void ChildProcess::stop() {
  const auto wait_until = [&](Clock::time_point end) {
    while (running() && Clock::now() < end) std::this_thread::sleep_for(kPause);
  };
  if (!running()) {
    ::kill(-pid_, SIGKILL);  // what it left behind
    return;
  }
  ::kill(-pid_, SIGTERM);
  wait_until(Clock::now() + std::chrono::seconds(10));
  ::kill(-pid_, SIGKILL);
  wait_until(Clock::now() + std::chrono::seconds(10));
}

std::string run_command(const std::string& command, std::int64_t timeout, const std::string& log) {
  const std::string output = log + ".out";
  const LogFile emptied(log, O_TRUNC);
  {
    ChildProcess child(command, log, output);
    const auto end = Clock::now() + std::chrono::seconds(timeout);
    while (child.running()) {
      check_interrupted();
      if (Clock::now() > end)
        throw DataError(fmt::format("the command takes longer than {} s: {}", timeout, command),
                        fmt::format("see {}; a longer timeout can be set in the plan", log));
      std::this_thread::sleep_for(kPause);
    }
    if (child.status() != 0)
      throw DataError(fmt::format("the command ended with {}: {}", child.status(), command),
                      fmt::format("see {}", log));
  }
  return read_file(output);
}

}  // namespace msmodelslim
