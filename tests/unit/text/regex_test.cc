#include "text/regex.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace msmodelslim {
namespace {

using ::testing::ElementsAre;

std::string translated(const char* pattern) { return translate_oniguruma(pattern, "test"); }

// The matches, and in brackets what lies between them.
std::vector<std::string> spans(const char* pattern, const std::string& text) {
  std::vector<Span> found;
  Regex::compile(pattern, "test").find_spans(text, found);
  std::vector<std::string> result;
  for (const Span& span : found) {
    const std::string part = text.substr(span.begin, span.end - span.begin);
    result.push_back(span.match ? part : "(" + part + ")");
  }
  return result;
}

TEST(Regex, SpansCoverTheText) {
  EXPECT_THAT(spans("b+", "abbcb"), ElementsAre("(a)", "bb", "(c)", "b"));
  EXPECT_THAT(spans("x", "abc"), ElementsAre("(abc)"));
  EXPECT_THAT(spans("a*", "baac"), ElementsAre("", "(b)", "aa", "(c)", ""));
  EXPECT_THAT(spans("", "é1"), ElementsAre("", "(é)", "", "(1)", ""));
}

TEST(Regex, SetsFollowOniguruma) {
  EXPECT_THAT(spans(R"(\s)", "a\u180eb\u3000c"), ElementsAre("(a\u180eb)", "\u3000", "(c)"));
  EXPECT_THAT(spans(R"(\w+)", "a\u0301\u203f\u24d0-b"),
              ElementsAre("a\u0301\u203f\u24d0", "(-)", "b"));
  EXPECT_THAT(spans(R"(\h+)", "xBEg"), ElementsAre("(x)", "BE", "(g)"));
  EXPECT_THAT(spans(R"((?i:k))", "\u212a"), ElementsAre("\u212a"));
  EXPECT_THAT(spans(R"(\p{Han}+)", "\u3001\u4e00"), ElementsAre("(\u3001)", "\u4e00"));
}

TEST(Regex, ClassesNestAndIntersect) {
  EXPECT_THAT(spans(R"([\p{L}&&[^\p{Han}]]+)", "ab\u4e00c"), ElementsAre("ab", "(\u4e00)", "c"));
  EXPECT_THAT(spans(R"([a[xy]]+)", "axbyx"), ElementsAre("ax", "(b)", "yx"));
  EXPECT_THAT(spans(R"([^a[xy]]+)", "axbcx"), ElementsAre("(ax)", "bc", "(x)"));
  EXPECT_THAT(spans(R"([]a^\]-]+)", "b]a^-"), ElementsAre("(b)", "]a^-"));
}

TEST(Regex, PlusBehindACountRepeatsIt) {
  EXPECT_EQ(translated(R"(\p{N}{1,3}+)"), R"((?:\p{N}{1,3})+)");
  EXPECT_EQ(translated("(ab){2}?"), "(?:(ab){2})?");
  EXPECT_EQ(translated("a{,2}"), "a{0,2}");
  EXPECT_EQ(translated("a{b"), "a\\{b");
  EXPECT_EQ(translated("a?+b"), "a?+b");
}

TEST(Regex, WritesWhatPcre2Understands) {
  EXPECT_EQ(translated(R"(\u4e00)"), R"(\x{4e00})");
  EXPECT_EQ(translated(R"(\p{Uppercase_Letter}\p{^L})"), R"(\p{Lu}\P{L})");
  EXPECT_EQ(translated("(?m:.)"), "(?s:.)");
  EXPECT_EQ(translated("a(?#note)b"), "ab");
}

TEST(Regex, RefusesWhatItCannotRead) {
  for (const char* pattern : {"(", ")", "[a", "[a[b]", "\\", "[\\W]", "\\p{L", "\\p{Nothing}", "*"})
    EXPECT_THROW(Regex::compile(pattern, "test"), DataError) << pattern;
}

TEST(Regex, HopelessPatternIsAnErrorNotAHang) {
  const Regex regex = Regex::compile("(a|a)*b", "test");
  std::vector<Span> found;
  EXPECT_THROW(regex.find_spans(std::string(5000, 'a') + "cb", found), DataError);
}

TEST(Regex, LongRunsOfSpaceMatch) {
  const std::string text(3000000, ' ');
  std::vector<Span> found;
  Regex::compile(R"(\s*[\r\n]+|\s+(?!\S)|\s+)", "test").find_spans(text, found);
  EXPECT_EQ(found.size(), 1u);
}

}  // namespace
}  // namespace msmodelslim
