#include "recipe/quant_type.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace msmodelslim {
namespace {

bool matches(const char* label, const char* type) {
  return label_matches(parse_yaml(label, "label"), parse_quant_type(type));
}

TEST(QuantType, AllNames) {
  EXPECT_EQ(quant_type_names().size(), 13U);
  for (const std::string& name : quant_type_names()) EXPECT_EQ(parse_quant_type(name).name, name);
}

TEST(QuantType, Parts) {
  const QuantType type = parse_quant_type("W4A4C8");
  EXPECT_EQ(type.name, "w4a4c8");
  EXPECT_EQ(type.w_bit, 4);
  EXPECT_EQ(type.a_bit, 4);
  EXPECT_TRUE(type.kv_cache);
  EXPECT_FALSE(type.is_sparse);
  EXPECT_EQ(type.fa_bit, std::nullopt);
  EXPECT_EQ(parse_quant_type("w8a8f8").fa_bit, 8);
  EXPECT_EQ(parse_quant_type("w4a4f4").fa_bit, 4);
  EXPECT_EQ(parse_quant_type("w16a16s").w_bit, 16);
  EXPECT_TRUE(parse_quant_type("w16a16s").is_sparse);
}

TEST(QuantType, OtherNamesAreErrors) {
  for (const char* text : {"", "w8", "w8a8x", "w3a8", "w8a8sc", "int8"})
    EXPECT_THROW(parse_quant_type(text), UsageError) << text;
}

TEST(Labels, WeightAndActivationBitsMustExist) {
  EXPECT_TRUE(matches("{w_bit: 8, a_bit: 8, is_sparse: false, kv_cache: false}", "w8a8"));
  EXPECT_TRUE(matches("{w_bit: 8, a_bit: 8, anything: x}", "w8a8"));
  EXPECT_FALSE(matches("{w_bit: 8}", "w8a8"));
  EXPECT_FALSE(matches("{}", "w8a8"));
  EXPECT_FALSE(matches("{w_bit: 8, a_bit: 16}", "w8a8"));
}

TEST(Labels, SparseAndCacheAreExclusive) {
  EXPECT_FALSE(matches("{w_bit: 8, a_bit: 8, is_sparse: true}", "w8a8"));
  EXPECT_TRUE(matches("{w_bit: 8, a_bit: 8, is_sparse: true}", "w8a8s"));
  EXPECT_FALSE(matches("{w_bit: 8, a_bit: 8}", "w8a8s"));
  EXPECT_TRUE(matches("{w_bit: 8, a_bit: 8, kv_cache: true}", "w8a8c8"));
  EXPECT_FALSE(matches("{w_bit: 8, a_bit: 8, kv_cache: true}", "w8a8"));
}

TEST(Labels, AttentionBits) {
  EXPECT_TRUE(matches("{w_bit: 8, a_bit: 8, fa_quant: true}", "w8a8f8"));
  EXPECT_TRUE(matches("{w_bit: 4, a_bit: 4, fa_bit: 4}", "w4a4f4"));
  EXPECT_TRUE(matches("{w_bit: 4, a_bit: 4, fa_quant: true}", "w4a4f8"));
  EXPECT_FALSE(matches("{w_bit: 8, a_bit: 8, fa_quant: true}", "w8a8"));
  EXPECT_TRUE(matches("{w_bit: 8, a_bit: 8, fa_quant: false}", "w8a8"));
}

}  // namespace
}  // namespace msmodelslim
