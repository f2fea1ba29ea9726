#include "base/control_group.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class ControlGroup : public testing::Test {
 protected:
  void SetUp() override {
    root_ = temp_path("control_group");
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + "/" + path).parent_path());
    write_file_atomic(root_ + "/" + path, text);
  }
  std::uint64_t room(const std::string& groups) {
    put("groups", groups);
    return control_group_room(root_ + "/groups", root_);
  }

  std::string root_;
};

TEST_F(ControlGroup, WithoutALimitThereIsNoEnd) {
  put("a/memory.max", "max\n");
  EXPECT_EQ(room("0::/a\n"), UINT64_MAX);
  EXPECT_EQ(room("0::/not_there\n"), UINT64_MAX);
  EXPECT_EQ(room(""), UINT64_MAX);
  EXPECT_EQ(control_group_room(root_ + "/no_file", root_), UINT64_MAX);
}

TEST_F(ControlGroup, CountsWhatAllItsProcessesHoldButNotCachedFiles) {
  put("a/memory.max", "1000\n");
  put("a/memory.stat", "anon 300\nfile 600\nkernel 7\nshmem 50\n");
  EXPECT_EQ(room("0::/a\n"), 650);
}

TEST_F(ControlGroup, TheTightestOfItsParentsHolds) {
  put("memory.max", "5000\n");
  put("memory.stat", "anon 4900\n");
  put("a/memory.max", "1000\n");
  put("a/memory.stat", "anon 300\n");
  put("a/b/memory.max", "max\n");
  EXPECT_EQ(room("0::/a/b\n"), 100);
  put("memory.stat", "anon 400\n");
  EXPECT_EQ(room("0::/a/b\n"), 700);
}

TEST_F(ControlGroup, AFullGroupLeavesNothing) {
  put("memory.max", "1000\n");
  put("memory.stat", "anon 1200\n");
  EXPECT_EQ(room("0::/\n"), 0);
}

TEST_F(ControlGroup, ReadsTheFirstVersionsFiles) {
  put("memory/a/memory.limit_in_bytes", "1000\n");
  put("memory/a/memory.stat", "cache 500\nrss 1\ntotal_cache 500\ntotal_rss 200\ntotal_shmem 30\n");
  EXPECT_EQ(room("4:cpu,cpuacct:/x\n3:memory:/a\n1:name=systemd:/a\n"), 770);
}

}  // namespace
}  // namespace msmodelslim
