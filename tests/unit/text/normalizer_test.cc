#include "text/normalizer.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace msmodelslim {
namespace {

std::string normalized(const char* json, const char* text) {
  const Json parsed = Json::parse(json);
  return make_normalizer(Component(parsed, "test"))->apply(text);
}

TEST(Normalizer, UnicodeForms) {
  EXPECT_EQ(normalized(R"({"type": "NFC"})", "e\u0301"), "\u00e9");
  EXPECT_EQ(normalized(R"({"type": "NFD"})", "\u00e9"), "e\u0301");
  EXPECT_EQ(normalized(R"({"type": "NFKC"})", "\ufb01\u00bd"), "fi1\u20442");
  EXPECT_EQ(normalized(R"({"type": "NFKD"})", "\u1e9b\u0323"), "s\u0323\u0307");
}

TEST(Normalizer, CharactersAfterUnicode9DoNotMove) {
  EXPECT_EQ(normalized(R"({"type": "NFC"})", "e\u1715\u0301\u0327"), "e\u1715\u0327\u0301");
}

TEST(Normalizer, CharacterByCharacter) {
  EXPECT_EQ(normalized(R"({"type": "Lowercase"})", "\u0130\u03a3A"), "i\u0307\u03c3a");
  EXPECT_EQ(normalized(R"({"type": "StripAccents"})", "e\u0301a"), "ea");
  EXPECT_EQ(normalized(R"({"type": "Nmt"})", "a\ab\u200bc"), "ab c");
}

TEST(Normalizer, Strip) {
  EXPECT_EQ(
      normalized(R"({"type": "Strip", "strip_left": true, "strip_right": false})", "\u3000 a b \n"),
      "a b \n");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": false, "strip_right": true})", " a "),
            " a");
  EXPECT_EQ(normalized(R"({"type": "Strip"})", " \n "), "");
}

TEST(Normalizer, ReplaceAndPrepend) {
  EXPECT_EQ(
      normalized(R"({"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": "_"})", "a  b\n"),
      "a_b_");
  EXPECT_EQ(normalized(R"({"type": "Prepend", "prepend": "▁"})", ""), "");
  EXPECT_EQ(normalized(R"({"type": "Prepend", "prepend": "▁"})", "a"), "▁a");
}

TEST(Normalizer, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(normalized(R"({"type": "Precompiled"})", ""), DataError);
  EXPECT_THROW(normalized(R"({"type": "Prepend"})", ""), DataError);
  EXPECT_THROW(normalized(R"({"type": "Replace", "pattern": {}, "content": ""})", ""), DataError);
}

}  // namespace
}  // namespace msmodelslim
