#include "cli/memory_budget.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "base/error.h"

namespace msmodelslim {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
namespace fs = std::filesystem;

TEST(ParseByteSize, KnowsUnits) {
  EXPECT_EQ(parse_byte_size("--x", "8GiB"), 8ULL << 30);
  EXPECT_EQ(parse_byte_size("--x", "2g"), 2ULL << 30);
  EXPECT_EQ(parse_byte_size("--x", "1.5 GB"), 1500000000ULL);
  EXPECT_EQ(parse_byte_size("--x", "500MB"), 500000000ULL);
  EXPECT_EQ(parse_byte_size("--x", "1000"), 1000ULL);
}

TEST(ParseByteSize, RefusesWhatIsNoSize) {
  for (const char* text : {"", "GiB", "8 apples", "-1GB", "0", "nan", "1e30"})
    EXPECT_THAT([&] { parse_byte_size("--max_memory", text); },
                ThrowsMessage<UsageError>(HasSubstr("--max_memory")))
        << text;
}

class KeepToMemory : public ::testing::Test {
 protected:
  KeepToMemory() {
    plan_.items = {{"program", 100}, {"weights", 700}};
    plan_.states = 300;
    args_.dry_run = true;  // the limit of the test's own process stays as it is
    args_.scratch_dir = fs::temp_directory_path();
  }
  MemoryPlan plan_;
  QuantArgs args_;
  std::vector<QuantJob> jobs_ = std::vector<QuantJob>(1);
};

TEST_F(KeepToMemory, LeavesStatesInMemoryWhereTheyFit) {
  args_.max_memory = 1100;
  keep_to_memory(args_, plan_, &jobs_);
  EXPECT_EQ(jobs_.front().scratch, "");
}

TEST_F(KeepToMemory, MovesStatesToTheScratchFolder) {
  args_.max_memory = 1099;
  keep_to_memory(args_, plan_, &jobs_);
  EXPECT_EQ(jobs_.front().scratch, args_.scratch_dir);
}

TEST_F(KeepToMemory, NamesWhatDoesNotFit) {
  args_.max_memory = 799;
  EXPECT_THAT([&] { keep_to_memory(args_, plan_, &jobs_); },
              ThrowsMessage<ResourceError>(HasSubstr("weights")));
}

TEST_F(KeepToMemory, FindsAMissingScratchFolder) {
  args_.scratch_dir = "/nowhere/at/all";
  EXPECT_THAT([&] { keep_to_memory(args_, plan_, &jobs_); },
              ThrowsMessage<UsageError>(HasSubstr("/nowhere/at/all")));
}

TEST_F(KeepToMemory, ChoosesTheFolderAboveTheResult) {
  args_.scratch_dir = "";
  args_.save_path = (fs::temp_directory_path() / "no" / "such" / "folder").string();
  args_.max_memory = 1000;
  keep_to_memory(args_, plan_, &jobs_);
  EXPECT_EQ(jobs_.front().scratch, fs::temp_directory_path().string());
}

}  // namespace
}  // namespace msmodelslim
