#include "base/threads.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace msmodelslim {
namespace {

constexpr const char* kExpected = "MSMODELSLIM_TEST_THREADS";

// A process of its own runs this: the OpenMP runtime reads its variables once.
TEST(Threads, DISABLED_AreAsManyAsExpected) {
  EXPECT_EQ(available_threads(), std::atoi(std::getenv(kExpected)));
}

TEST(Threads, AreAsManyWhenTheFirstIsBoundToItsPlace) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  if (std::system(fmt::format("'{}' --gtest_list_tests >/dev/null 2>&1", program).c_str()) != 0)
    GTEST_SKIP() << "the system cannot run this program, an emulator does";
  for (const char* bound : {"OMP_PROC_BIND=true", "OMP_PLACES=cores", "OMP_PROC_BIND=spread"}) {
    const std::string command = fmt::format(
        "{}={} {} '{}' --gtest_also_run_disabled_tests --gtest_brief=1 "
        "--gtest_filter=Threads.DISABLED_AreAsManyAsExpected",
        kExpected, available_threads(), bound, program);
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }
}

}  // namespace
}  // namespace msmodelslim
