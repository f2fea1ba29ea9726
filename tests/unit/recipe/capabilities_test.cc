#include "recipe/capabilities.h"

#include <gtest/gtest.h>

#include "recipe/plan.h"

namespace msmodelslim {
namespace {

QConfig scheme(const char* dtype, const char* scope, bool symmetric) {
  QConfig config;
  config.dtype = dtype;
  config.scope = scope;
  config.symmetric = symmetric;
  return config;
}

struct PairCase {
  QConfig act;
  QConfig weight;
  const char* type;  // nullptr: no format
};

class ExportedType : public testing::TestWithParam<PairCase> {};

TEST_P(ExportedType, FollowsTheTableOfPairs) {
  const auto type = exported_type(GetParam().act, GetParam().weight);
  if (GetParam().type == nullptr)
    EXPECT_EQ(type, std::nullopt);
  else
    EXPECT_EQ(type, GetParam().type);
}

const QConfig kFloat = scheme("float", "per_tensor", true);
const QConfig kPerToken = scheme("int8", "per_token", true);
const QConfig kChannel8 = scheme("int8", "per_channel", true);

INSTANTIATE_TEST_SUITE_P(
    Pairs, ExportedType,
    testing::Values(PairCase{kFloat, kChannel8, "W8A16"},
                    PairCase{kFloat, scheme("int8", "per_channel", false), "W8A16"},
                    PairCase{kFloat, scheme("int8", "per_group", false), "W8A16"},
                    PairCase{scheme("int8", "per_tensor", true), kChannel8, "W8A8"},
                    PairCase{scheme("int8", "per_tensor", false), kChannel8, "W8A8"},
                    PairCase{scheme("int8", "per_tensor", false),
                             scheme("int8", "per_channel", false), nullptr},
                    PairCase{kPerToken, kChannel8, "W8A8_DYNAMIC"},
                    PairCase{kPerToken, scheme("int8", "per_group", false), "W8A8_DYNAMIC"},
                    PairCase{scheme("int8", "per_token", false), kChannel8, nullptr},
                    PairCase{scheme("int8", "pd_mix", false), kChannel8, "W8A8_MIX"},
                    PairCase{kPerToken, scheme("int4", "per_channel", true), "W4A8_DYNAMIC"},
                    PairCase{kPerToken, scheme("int4", "per_group", true), nullptr},
                    PairCase{kFloat, scheme("int4", "per_channel", true), "W4A16"},
                    PairCase{kFloat, scheme("int4", "per_group", false), "W4A16"},
                    PairCase{scheme("int8", "per_channel", true), kChannel8, nullptr},
                    PairCase{scheme("fp8_e4m3", "per_token", true),
                             scheme("fp8_e4m3", "per_channel", true), "WFP8AFP8_DYNAMIC"},
                    PairCase{scheme("fp8_e4m3", "per_tensor", true),
                             scheme("fp8_e4m3", "per_channel", true), nullptr},
                    PairCase{scheme("mxfp8", "per_block", true), scheme("mxfp8", "per_block", true),
                             "W8A8_MXFP8"},
                    PairCase{scheme("mxfp8", "per_block", true), scheme("mxfp4", "per_block", true),
                             "W4A8_MXFP"},
                    PairCase{scheme("mxfp4", "per_block", true), scheme("mxfp4", "per_block", true),
                             "W4A4_MXFP4"},
                    PairCase{scheme("mxfp4", "dual_scale", true),
                             scheme("mxfp4", "dual_scale", true), "W4A4_MXFP4_DUALSCALE"}));

TEST(Capabilities, LookUps) {
  for (const char* scope : {"per_tensor", "per_token"}) {
    QConfig act = scheme("int8", scope, true);
    act.method = "minmax";
    ASSERT_NE(find_quantizer(Side::kAct, act), nullptr) << scope;
    EXPECT_TRUE(find_quantizer(Side::kAct, act)->built) << scope;
  }
  EXPECT_NE(find_processor("linear_quant"), nullptr);
  EXPECT_EQ(find_processor("flex_smooth"), nullptr);
}

}  // namespace
}  // namespace msmodelslim
