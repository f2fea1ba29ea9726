#include "cli/launch.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace msmodelslim {
namespace {

class LaunchTest : public testing::Test {
 protected:
  void SetUp() override { TearDown(); }
  void TearDown() override {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "SLURM_NTASKS"})
      ::unsetenv(name);
  }
};

TEST_F(LaunchTest, AProcessByItselfIsALoneRankAndSpeaks) {
  Launch launch;
  EXPECT_TRUE(launch.ranks().alone());
  Launch::require_one("serve");
  EXPECT_TRUE(launch.speaks());
  EXPECT_EQ(launch.end(2), 2);
}

TEST_F(LaunchTest, AnMpirunOfOneProcessNeedsNoMpi) {
  ::setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
  EXPECT_TRUE(Launch().ranks().alone());
  Launch::require_one("serve");
}

TEST_F(LaunchTest, CommandsForOneProcessAreRefusedUnderSeveral) {
  ::setenv("PMI_SIZE", "3", 1);
  EXPECT_THROW(Launch::require_one("serve"), UsageError);
  TearDown();
  ::setenv("PMIX_RANK", "0", 1);
  ::setenv("SLURM_NTASKS", "2", 1);
  EXPECT_THROW(Launch::require_one("serve"), UsageError);
}

}  // namespace
}  // namespace msmodelslim
