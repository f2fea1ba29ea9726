#include "base/float_buffer.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <numeric>

#include "base/error.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

namespace fs = std::filesystem;

class FloatBufferTest : public ::testing::TestWithParam<bool> {
 protected:
  FloatBufferTest() : folder_(temp_path("float_buffer")) { fs::create_directories(folder_); }
  ~FloatBufferTest() override { fs::remove_all(folder_); }
  FloatBuffer make() const { return FloatBuffer(GetParam() ? folder_.string() : ""); }
  fs::path folder_;
};

TEST_P(FloatBufferTest, IsZeroAfterReset) {
  FloatBuffer buffer = make();
  EXPECT_TRUE(buffer.empty());
  buffer.reset(5);
  EXPECT_THAT(std::vector<float>(buffer.begin(), buffer.end()), ::testing::Each(0.0F));
  buffer[3] = 2;
  buffer.reset(4);
  EXPECT_EQ(buffer.size(), 4U);
  EXPECT_EQ(buffer[3], 0);
}

TEST_P(FloatBufferTest, CopiesAreOfTheirOwn) {
  FloatBuffer buffer = make();
  buffer.reset(5000);
  std::iota(buffer.begin(), buffer.end(), 0.0F);
  FloatBuffer copy = buffer;
  copy[4999] = -1;
  EXPECT_EQ(buffer[4999], 4999);
  EXPECT_EQ(copy[4998], 4998);
  const float* values = copy.data();
  buffer = std::move(copy);
  EXPECT_EQ(buffer.data(), values);
  EXPECT_EQ(buffer[4999], -1);
}

TEST_P(FloatBufferTest, Appends) {
  FloatBuffer buffer = make();
  buffer.append(std::vector<float>{1, 2}.data(), 2);
  buffer.append(std::vector<float>{3}.data(), 1);
  EXPECT_THAT(std::vector<float>(buffer.begin(), buffer.end()), ::testing::ElementsAre(1, 2, 3));
}

TEST_P(FloatBufferTest, LeavesNoFile) {
  FloatBuffer buffer = make();
  buffer.reset(5000);
  EXPECT_TRUE(fs::is_empty(folder_));
}

INSTANTIATE_TEST_SUITE_P(Places, FloatBufferTest, ::testing::Bool(),
                         [](const auto& place) { return place.param ? "Scratch" : "Memory"; });

TEST(FloatBuffer, NamesAMissingScratchFolder) {
  FloatBuffer buffer("/nowhere/at/all");
  EXPECT_THAT([&] { buffer.reset(1); },
              ::testing::ThrowsMessage<ResourceError>(::testing::HasSubstr("/nowhere/at/all")));
  EXPECT_TRUE(buffer.empty());
}

}  // namespace
}  // namespace msmodelslim
