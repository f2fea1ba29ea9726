#include "base/output_folder.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class OutputFolderTest : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(root_); }
  void SetUp() override {
    root_ = temp_path("output folder 中文 @~");
    fs::remove_all(root_);
    fs::create_directories(root_ + "/model");
  }
  void touch(const std::string& path) { std::ofstream(root_ + "/" + path) << "x"; }
  std::string root_;
};

TEST_F(OutputFolderTest, AppearsOnlyWhenPublished) {
  {
    OutputFolder folder(root_ + "/q", root_ + "/model", false);
    std::ofstream(folder.file("a")) << "1";
    EXPECT_FALSE(fs::exists(root_ + "/q"));
    folder.publish();
  }
  EXPECT_TRUE(fs::exists(root_ + "/q/a"));
}

TEST_F(OutputFolderTest, LeavesNothingWhenNotPublished) {
  { OutputFolder folder(root_ + "/q", root_ + "/model", false); }
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), fs::directory_iterator()), 1);
}

TEST_F(OutputFolderTest, KeepsWhatALaterRunWants) {
  EXPECT_EQ(unfinished_bytes(root_ + "/q"), 0U);
  {
    OutputFolder folder(root_ + "/q", root_ + "/model", false);
    fs::create_directories(unfinished_folder(folder.working()));
    std::ofstream(unfinished_folder(folder.working()) + "/part") << "12345";
    EXPECT_THROW(OutputFolder(root_ + "/q", root_ + "/model", false), UsageError);  // at work
    folder.keep();
  }
  EXPECT_EQ(unfinished_bytes(root_ + "/q"), 5U);
  {
    OutputFolder folder(root_ + "/q", root_ + "/model", false, [](const std::string& working) {
      return fs::exists(unfinished_folder(working) + "/part");
    });
    EXPECT_EQ(unfinished_bytes(root_ + "/q"), 5U);
    folder.publish();
  }
  EXPECT_TRUE(fs::is_empty(root_ + "/q"));
}

TEST_F(OutputFolderTest, RefusesTheModelsOwnFolders) {
  fs::create_directory_symlink(root_ + "/model", root_ + "/link");
  for (const char* path : {"/model", "/model/", "/model/q", "/link", "/link/deep/q", ""})
    EXPECT_THROW(OutputFolder(root_ + path, root_ + "/model", true), UsageError) << path;
  EXPECT_NO_THROW(OutputFolder(root_ + "/model2", root_ + "/model", false));
}

TEST_F(OutputFolderTest, ReplacesOnlyModelFoldersAndOnlyWhenAsked) {
  fs::create_directories(root_ + "/q");
  touch("q/old.safetensors");
  EXPECT_THROW(OutputFolder(root_ + "/q", root_ + "/model", false), UsageError);
  EXPECT_THROW(OutputFolder(root_ + "/q", root_ + "/model", true), UsageError);
  touch("q/config.json");
  OutputFolder folder(root_ + "/q", root_ + "/model", true);
  EXPECT_TRUE(fs::exists(root_ + "/q/old.safetensors"));  // still there while the run goes on
  folder.publish();
  EXPECT_FALSE(fs::exists(root_ + "/q/old.safetensors"));
  touch("file");
  EXPECT_THROW(OutputFolder(root_ + "/file", root_ + "/model", true), UsageError);
}

}  // namespace
}  // namespace msmodelslim
