#include "cli/doctor_command.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/machine.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

Json examined(const std::vector<std::string>& words, int expected) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_doctor(words), expected);
  return parse_json(testing::internal::GetCapturedStdout(), "doctor");
}

std::string state_of(const Json& all, const std::string& name) {
  for (const Json& finding : all["findings"])
    if (finding["name"] == name) return finding["state"];
  return "";
}

TEST(Doctor, FindsWhatARunNeeds) {
  const Json all = examined({"--json", "--path", fs::temp_directory_path().string()}, 0);
  EXPECT_EQ(state_of(all, "recipes"), "ok");
  for (const char* name : {"processor", "fp32 products", "memory", "disk", "disk speed"})
    EXPECT_NE(state_of(all, name), "") << name;
}

TEST(Doctor, SaysWhatIsBad) {
  setenv("MSMODELSLIM_CUSTOM_PRACTICE_REPO", "/nowhere/at/all", 1);
  const Json all = examined({"--json", "--path", fs::temp_directory_path().string()}, 1);
  unsetenv("MSMODELSLIM_CUSTOM_PRACTICE_REPO");
  EXPECT_EQ(state_of(all, "MSMODELSLIM_CUSTOM_PRACTICE_REPO"), "BAD");
}

TEST(Doctor, RefusesAFolderThatIsNotThere) {
  EXPECT_THROW(run_doctor({"--path", "/nowhere/at/all"}), UsageError);
}

TEST(DiskSpeed, LeavesNoFile) {
  const fs::path folder = temp_path("disk_speed");
  fs::create_directories(folder);
  const DiskSpeed speed = disk_speed(folder.string(), 1 << 20);
  EXPECT_GT(speed.write, 0);
  EXPECT_GT(speed.read, 0);
  EXPECT_TRUE(fs::is_empty(folder));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace msmodelslim
