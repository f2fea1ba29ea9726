#include "checkpoint/engines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/ascendv1.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

TEST(Engines, TypesThatAreLoaded) {
  for (const char* type : {"FLOAT", "W8A8", "W8A8_DYNAMIC", "W8A8_MIX", "W8A16", "W8A8_MXFP8",
                           "W4A8_MXFP", "W4A4_MXFP4"})
    EXPECT_EQ(why_not_loadable(type, false), "") << type;
}

TEST(Engines, TypesThatAreNot) {
  for (const char* type : {"W4A8_DYNAMIC", "WFP8AFP8_DYNAMIC", "W16A16S", "W4A4_MXFP4_SVD",
                           "W4A8_SVD_DYNAMIC", "W4A4_MXFP4_DUALSCALE", "NF4"})
    EXPECT_THAT(why_not_loadable(type, false), HasSubstr(type));
  EXPECT_THAT(why_not_loadable("W8A8_DYNAMIC", true), HasSubstr("with a scale per group"));
  EXPECT_THAT(why_not_loadable("W8A16", true), HasSubstr("one weight scale per output channel"));
}

TEST(SvdNames, ThereAndBack) {
  EXPECT_EQ(with_svd("W4A4_MXFP4"), "W4A4_MXFP4_SVD");
  EXPECT_EQ(with_svd("W4A8_DYNAMIC"), "W4A8_SVD_DYNAMIC");
  for (int i = 0; i <= static_cast<int>(LinearType::kW16A16S); ++i) {
    const std::string name = linear_type_name(static_cast<LinearType>(i));
    EXPECT_EQ(without_svd(with_svd(name)), name);
    EXPECT_EQ(with_flatquant("FLOAT"), "FLOAT_FLATQUANT");
    EXPECT_EQ(with_flatquant("W4A4_DYNAMIC"), "W4A4_FLATQUANT_DYNAMIC");
    EXPECT_EQ(without_flatquant("W4A4_FLATQUANT_DYNAMIC"), "W4A4_DYNAMIC");
    EXPECT_EQ(without_flatquant("W8A8_FLATQUANT"), "W8A8");
    EXPECT_EQ(without_flatquant("W8A8_DYNAMIC"), "W8A8_DYNAMIC");
    EXPECT_EQ(without_svd(name), name);
  }
  EXPECT_EQ(without_svd("W4A8_SVD_OTHER"), "W4A8_SVD_OTHER");
  EXPECT_EQ(without_svd(""), "");
}

TEST(ModelType, OfTypesWithALowRankBranch) {
  ModelQuantType type;
  type.propose(LinearType::kW16A16S);
  EXPECT_EQ(type.name(), "W16A16S");
  type.propose(LinearType::kW4A8Dynamic, true);
  EXPECT_EQ(type.name(), "W16A16S");
  type.propose(LinearType::kMxFp4, true);
  EXPECT_EQ(type.name(), "W4A4_MXFP4_SVD");
  type.propose(LinearType::kMxFp4Dual);
  EXPECT_EQ(type.name(), "W4A4_MXFP4_SVD");
}

}  // namespace
}  // namespace msmodelslim
