// quant, eval and generate in a process that the kernel ends when it asks for a socket.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>

#include "base/files.h"
#include "cli/eval_command.h"
#include "cli/generate_command.h"
#include "cli/quant_command.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

constexpr int kNoFilter = 77;

// From now on socket() ends the process with SIGSYS.
void forbid_sockets() {
  std::array<sock_filter, 4> rules = {
      {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
  const sock_fprog program{rules.size(), rules.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    ::_exit(kNoFilter);
}

bool filters_work() {
  const pid_t child = ::fork();
  if (child == 0) {
    forbid_sockets();
    ::_exit(0);
  }
  int state = 0;
  ::waitpid(child, &state, 0);
  return WIFEXITED(state) && WEXITSTATUS(state) == 0;
}

class NoNetworkDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    if (!filters_work()) GTEST_SKIP() << "no seccomp here";
  }
};

TEST_F(NoNetworkDeathTest, TheFilterEndsWhoAsksForASocket) {
  EXPECT_EXIT(
      {
        forbid_sockets();
        ::socket(AF_INET, SOCK_STREAM, 0);
        ::_exit(0);
      },
      testing::KilledBySignal(SIGSYS), "");
}

TEST_F(NoNetworkDeathTest, QuantEvalAndGenerateAskForNone) {
  EXPECT_EXIT(
      {
        forbid_sockets();
        const std::string model = golden_dir() + "/models/qwen2";
        const std::string out = temp_path("no_network");
        int failed = run_quant({model, "--save_path", out, "--quant_type", "w8a8", "--yes",
                                "--quiet", "--calib_tokens", "64"});
        failed += run_eval({"ppl", "--model_path", out, "--float_path", model, "--text",
                            model + "/config.json", "--seqlen", "64"});
        failed += run_generate({"--model_path", out, "--prompt", "a", "--max_tokens", "2"});
        fs::remove_all(out);
        ::_exit(failed);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace msmodelslim
