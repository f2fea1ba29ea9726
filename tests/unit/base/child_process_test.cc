#include "base/child_process.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

class ChildProcessTest : public testing::Test {
 protected:
  ChildProcessTest() { std::filesystem::create_directories(folder_); }
  ~ChildProcessTest() override { std::filesystem::remove_all(folder_); }

  // The whole number that a command writes to a file, as soon as it stands there.
  static int number_in(const std::string& path) {
    for (int i = 0; i < 600; ++i, std::this_thread::sleep_for(std::chrono::milliseconds(50))) {
      if (!std::filesystem::exists(path)) continue;
      const std::string text = read_file(path);
      if (!text.empty() && text.back() == '\n') return std::stoi(text);
    }
    throw DataError("nothing was written to " + path);
  }
  static int status_of(ChildProcess* child) {
    while (child->running()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return child->status();
  }

  const std::string folder_ = temp_path("child_process");
  const std::string log_ = folder_ + "/log";
};

TEST_F(ChildProcessTest, OutputComesBackAndErrorsGoToTheLog) {
  EXPECT_EQ(run_command("echo kept; echo told >&2", 60, log_), "kept\n");
  EXPECT_EQ(read_file(log_), "told\n");
}

TEST_F(ChildProcessTest, TheLogOfOneCommandIsNotThatOfTheNext) {
  run_command("echo first >&2", 60, log_);
  run_command("echo second >&2", 60, log_);
  EXPECT_EQ(read_file(log_), "second\n");
}

TEST_F(ChildProcessTest, ACommandReadsNothingFromTheTerminal) {
  EXPECT_EQ(run_command("cat; echo end", 60, log_), "end\n");
}

TEST_F(ChildProcessTest, AStatusOtherThanNoughtIsAnErrorThatNamesItAndTheLog) {
  try {
    run_command("exit 3", 60, log_);
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("ended with 3: exit 3"));
    EXPECT_THAT(error.remedy(), HasSubstr(log_));
  }
}

TEST_F(ChildProcessTest, ACommandThatTakesTooLongIsEnded) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(run_command("sleep 600", 0, log_), DataError);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(300));
}

TEST_F(ChildProcessTest, ALogThatCannotBeWrittenIsAnError) {
  EXPECT_THROW(run_command("true", 60, folder_ + "/nowhere/log"), ResourceError);
}

TEST_F(ChildProcessTest, AnOutputThatCannotBeWrittenLeavesNoFileOpen) {
  const auto open_files = [] {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return std::distance(begin(files), end(files));
  };
  const auto before = open_files();
  EXPECT_THROW(ChildProcess("true", log_, folder_ + "/none/output"), ResourceError);
  EXPECT_EQ(open_files(), before);
}

TEST_F(ChildProcessTest, OutputIsAddedToTheLogWhenNoFileIsNamed) {
  for (const char* command : {"echo one", "echo two >&2"}) {
    ChildProcess child(command, log_);
    EXPECT_EQ(status_of(&child), 0);
  }
  EXPECT_EQ(read_file(log_), "one\ntwo\n");
}

TEST_F(ChildProcessTest, ASignalIsToldAsAShellTellsIt) {
  ChildProcess child("kill -KILL $$", log_);
  EXPECT_EQ(status_of(&child), 128 + SIGKILL);
}

TEST_F(ChildProcessTest, StoppingEndsWhatTheCommandHasStarted) {
  const std::string path = folder_ + "/pid";
  auto child = std::make_unique<ChildProcess>("sleep 600 & echo $! >" + path + "; wait", log_);
  const pid_t started = number_in(path);
  EXPECT_EQ(::kill(started, 0), 0);
  child->stop();
  EXPECT_FALSE(child->running());
  EXPECT_EQ(child->status(), 128 + SIGTERM);
  // Whoever inherits it may take a moment to see that it has ended: then it is gone, or waits as
  // "Z".
  const std::string state =
      "cut -d ' ' -f 3 /proc/" + std::to_string(started) + "/stat || echo gone";
  std::string found;
  for (int i = 0; i < 600 && found != "Z\n" && found != "gone\n"; ++i)
    found = run_command(state, 60, log_);
  EXPECT_TRUE(found == "Z\n" || found == "gone\n") << found;
}

}  // namespace
}  // namespace msmodelslim
