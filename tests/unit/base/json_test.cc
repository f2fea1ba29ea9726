#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace msmodelslim {
namespace {

std::string nested(int levels, const char* open, const char* close) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += open;
  text += "1";
  for (int i = 0; i < levels; ++i) text += close;
  return text;
}

TEST(Json, DeepNestingIsAnErrorAndTakesNoStack) {
  const auto deep = testing::ThrowsMessage<DataError>(testing::HasSubstr("deeper than 200"));
  for (const bool list : {true, false}) {
    const char* open = list ? "[" : "{\"a\":";
    const char* close = list ? "]" : "}";
    EXPECT_NO_THROW(parse_json(nested(150, open, close), "x"));
    for (const int levels : {300, 3'000'000}) {
      const std::string text = nested(levels, open, close);
      EXPECT_THAT([&] { parse_json(text, "x"); }, deep);
      EXPECT_THAT([&] { parse_sorted_json(text, "x"); }, deep);
    }
  }
}

TEST(Json, DamageNamesTheSource) {
  for (const char* text : {"", "{", "[1,", "\"\xff\"", "1e999", "{\"a\":1}x"})
    EXPECT_THAT([&] { parse_json(text, "some/file.json"); },
                testing::ThrowsMessage<DataError>(testing::HasSubstr("some/file.json")))
        << text;
  EXPECT_THAT([] { parse_json(R"({"a": 1, "a": 2})", "x"); },
              testing::ThrowsMessage<DataError>(testing::HasSubstr("\"a\" appears twice")));
}

}  // namespace
}  // namespace msmodelslim
