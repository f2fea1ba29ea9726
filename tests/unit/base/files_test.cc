#include "base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "base/error.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class WriteFileAtomic : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = temp_path("write_file_atomic");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string folder_;
};
using WriteFileAtomicDeathTest = WriteFileAtomic;

TEST_F(WriteFileAtomic, WritesAndReplaces) {
  for (const char* text : {"one", "two", ""}) {
    write_file_atomic(folder_ + "/a", text);
    EXPECT_EQ(read_file(folder_ + "/a"), text);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
  EXPECT_THROW(write_file_atomic(folder_ + "/none/a", "x"), ResourceError);
}

// The kernel ends a process that writes more than its limit.
TEST_F(WriteFileAtomicDeathTest, WhoIsKilledWhileItWritesLeavesNothing) {
  EXPECT_EXIT(
      {
        rlimit limit{};
        limit.rlim_cur = limit.rlim_max = 1000;
        ::setrlimit(RLIMIT_FSIZE, &limit);
        std::signal(SIGXFSZ, SIG_DFL);
        write_file_atomic(folder_ + "/a", std::string(100'000, 'x'));
      },
      testing::KilledBySignal(SIGXFSZ), "");
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace msmodelslim
