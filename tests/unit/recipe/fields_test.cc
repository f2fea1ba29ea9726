#include "recipe/fields.h"

#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

TEST(LaxBool, TakesWordsAndOneAndZero) {
  for (const char* text : {"true", "True", "yes", "Y", "on", "1", "t"})
    EXPECT_EQ(to_bool(YamlValue::of_text(text)), true) << text;
  for (const char* text : {"false", "No", "n", "OFF", "0", "f"})
    EXPECT_EQ(to_bool(YamlValue::of_text(text)), false) << text;
  EXPECT_EQ(to_bool(YamlValue::of_int(1)), true);
  EXPECT_EQ(to_bool(YamlValue::of_real(0.0)), false);
  EXPECT_EQ(to_bool(YamlValue::of_int(2)), std::nullopt);
  EXPECT_EQ(to_bool(YamlValue::of_text("maybe")), std::nullopt);
  EXPECT_EQ(to_bool(YamlValue()), std::nullopt);
}

TEST(LaxInt, TakesWholeNumbersInAnyForm) {
  EXPECT_EQ(to_int(YamlValue::of_int(-4)), -4);
  EXPECT_EQ(to_int(YamlValue::of_real(8.0)), 8);
  EXPECT_EQ(to_int(YamlValue::of_text(" 4 ")), 4);
  EXPECT_EQ(to_int(YamlValue::of_bool(true)), 1);
  EXPECT_EQ(to_int(YamlValue::of_real(8.5)), std::nullopt);
  EXPECT_EQ(to_int(YamlValue::of_real(1e300)), std::nullopt);
  EXPECT_EQ(to_int(YamlValue::of_text("four")), std::nullopt);
  EXPECT_EQ(to_int(YamlValue::list()), std::nullopt);
}

TEST(LaxReal, TakesNumbersThatYaml11LoadsAsText) {
  EXPECT_EQ(to_real(YamlValue::of_text("1e-5")), 1e-5);
  EXPECT_EQ(to_real(YamlValue::of_text("1E-5")), 1e-5);
  EXPECT_EQ(to_real(YamlValue::of_int(3)), 3.0);
  EXPECT_EQ(to_real(YamlValue::of_text("")), std::nullopt);
  EXPECT_EQ(to_real(YamlValue::of_text("1e-5x")), std::nullopt);
  EXPECT_EQ(to_real(YamlValue::of_text("0x10")), std::nullopt);
  EXPECT_EQ(to_real(YamlValue::of_text("nan")), std::nullopt);
}

}  // namespace
}  // namespace msmodelslim
