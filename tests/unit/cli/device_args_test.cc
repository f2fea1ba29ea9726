#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/device.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Device, TypesWithoutIndices) {
  EXPECT_EQ(parse_device("auto").kind, Device::Kind::kAuto);
  EXPECT_EQ(parse_device("cpu").kind, Device::Kind::kCpu);
  EXPECT_EQ(parse_device(" npu ").kind, Device::Kind::kNpu);
  EXPECT_THAT(parse_device("npu").indices, IsEmpty());
  EXPECT_THAT(parse_device("npu:").indices, IsEmpty());
}

TEST(Device, Indices) {
  EXPECT_THAT(parse_device("npu:0").indices, ElementsAre(0));
  EXPECT_THAT(parse_device("npu:0,1,2,3").indices, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(parse_device("npu: 0 , 1").indices, ElementsAre(0, 1));
  EXPECT_THAT(parse_device("npu:0,,1").indices, ElementsAre(0, 1));
  EXPECT_THAT(parse_device("cpu:0").indices, ElementsAre(0));
}

TEST(Device, EverythingElseIsWrongUsage) {
  for (const char* text : {"", "cuda", "NPU", "npu0", "npu:,", "npu:a", "npu:1.5", "npu:-1",
                           "npu:0,0", "cpu:0,1", "auto:0", "npu:0:1", "npu:99999999999"})
    EXPECT_THROW(parse_device(text), UsageError) << text;
}

}  // namespace
}  // namespace msmodelslim
