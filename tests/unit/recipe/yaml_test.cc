#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "recipe/yaml_value.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;
using testing::HasSubstr;

std::string error_of(const std::string& text) {
  try {
    parse_yaml(text, "r.yaml");
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

std::string round_trip(const std::string& text) { return dump_yaml(parse_yaml(text, "r.yaml")); }

struct ScalarCase {
  const char* text;
  Kind kind;
};

class YamlScalar : public testing::TestWithParam<ScalarCase> {};

TEST_P(YamlScalar, HasItsYaml11Type) {
  EXPECT_EQ(resolve_plain_scalar(GetParam().text).kind, GetParam().kind) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Types, YamlScalar,
    testing::Values(ScalarCase{"", Kind::kNull}, ScalarCase{"~", Kind::kNull},
                    ScalarCase{"null", Kind::kNull}, ScalarCase{"nUll", Kind::kString},
                    ScalarCase{"yes", Kind::kBool}, ScalarCase{"Off", Kind::kBool},
                    ScalarCase{"TRUE", Kind::kBool}, ScalarCase{"y", Kind::kString},
                    ScalarCase{"tRue", Kind::kString}, ScalarCase{"8", Kind::kInt},
                    ScalarCase{"-1_000", Kind::kInt}, ScalarCase{"0x1F", Kind::kInt},
                    ScalarCase{"0b101", Kind::kInt}, ScalarCase{"010", Kind::kInt},
                    ScalarCase{"1:30", Kind::kInt}, ScalarCase{"08", Kind::kString},
                    ScalarCase{"0o7", Kind::kString}, ScalarCase{"1:99", Kind::kString},
                    ScalarCase{"1.5", Kind::kFloat}, ScalarCase{".5", Kind::kFloat},
                    ScalarCase{"1.", Kind::kFloat}, ScalarCase{"1.e+5", Kind::kFloat},
                    ScalarCase{"1:30.5", Kind::kFloat}, ScalarCase{"-.inf", Kind::kFloat},
                    ScalarCase{".nan", Kind::kFloat}, ScalarCase{"1e-5", Kind::kString},
                    ScalarCase{"1.5e3", Kind::kString}, ScalarCase{"+.5", Kind::kString},
                    ScalarCase{".", Kind::kString}, ScalarCase{"-", Kind::kString},
                    ScalarCase{"99999999999999999999", Kind::kString},
                    ScalarCase{"2024-01-01", Kind::kTime},
                    ScalarCase{"2024-1-1 1:00:00 +08:00", Kind::kTime},
                    ScalarCase{"2024-1-1", Kind::kString}, ScalarCase{"int8", Kind::kString},
                    ScalarCase{"*.mlp", Kind::kString}));

TEST(YamlScalarValues, AreThoseOfPyYaml) {
  EXPECT_EQ(resolve_plain_scalar("0x1f").integer, 31);
  EXPECT_EQ(resolve_plain_scalar("010").integer, 8);
  EXPECT_EQ(resolve_plain_scalar("-0b101").integer, -5);
  EXPECT_EQ(resolve_plain_scalar("1_000").integer, 1000);
  EXPECT_EQ(resolve_plain_scalar("1:30").integer, 90);
  EXPECT_DOUBLE_EQ(resolve_plain_scalar("-1.5e+3").real, -1500);
  EXPECT_DOUBLE_EQ(resolve_plain_scalar("1:30.5").real, 90.5);
  EXPECT_FALSE(resolve_plain_scalar("NO").boolean);
}

TEST(YamlParse, KeepsOrderTypesAndLines) {
  const YamlValue value = parse_yaml("b: 1\na:\n  - x\n  - 'yes'\n  - yes\n", "r.yaml");
  ASSERT_EQ(value.entries.size(), 2U);
  EXPECT_EQ(value.entries[0].key, "b");
  const YamlValue* list = value.find("a");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->items[1].kind, Kind::kString);
  EXPECT_EQ(list->items[2].kind, Kind::kBool);
  EXPECT_EQ(list->items[1].line, 4);
}

TEST(YamlParse, AliasesAndMergesAreExpanded) {
  EXPECT_EQ(round_trip("a: &x {p: 1}\nb: *x\nc:\n  <<: *x\n  q: 2\n"),
            "a:\n  p: 1\nb:\n  p: 1\nc:\n  p: 1\n  q: 2\n");
  EXPECT_EQ(round_trip("a: &x {p: 1}\nb: &y {q: 2}\nc: {<<: [*x, *y], r: 3}\n"),
            "a:\n  p: 1\nb:\n  q: 2\nc:\n  q: 2\n  p: 1\n  r: 3\n");
  EXPECT_EQ(round_trip("a: {'<<': 1}\n"), "a:\n  '<<': 1\n");
}

TEST(YamlParse, DuplicateKeysAreErrorsWithTheLine) {
  EXPECT_THAT(error_of("a: 1\nb: 2\na: 3\n"), HasSubstr("line 3: the key \"a\" appears twice"));
  EXPECT_THAT(error_of("x: &x {p: 1}\ny:\n  <<: *x\n  p: 2\n"), HasSubstr("appears twice"));
}

TEST(YamlParse, RefusesWhatRecipesDoNotHave) {
  EXPECT_THAT(error_of("8: x\n"), HasSubstr("the key 8 is an integer"));
  EXPECT_THAT(error_of("yes: x\n"), HasSubstr("a boolean"));
  EXPECT_THAT(error_of("[a]: x\n"), HasSubstr("must be text"));
  EXPECT_THAT(error_of("a: !!python/object:os.system x\n"), HasSubstr("tag"));
  EXPECT_THAT(error_of("a: 1\n---\nb: 2\n"), HasSubstr("more than one"));
  EXPECT_THAT(error_of(std::string(600, 'k') + ": 1\n"), HasSubstr("longer than 512"));
  EXPECT_THAT(error_of("<<: 3\n"), HasSubstr("<<"));
}

TEST(YamlParse, SyntaxErrorsNameTheLine) {
  EXPECT_THAT(error_of("a: 1\nb: [1, 2\nc: 3\n"), HasSubstr("r.yaml: line "));
  EXPECT_THAT(error_of("a: *nowhere\n"), HasSubstr("line 1"));
  EXPECT_THAT(error_of("a:\n\t- x\n"), HasSubstr("line"));
}

TEST(YamlParse, DepthIsLimited) {
  const auto nested = [](int depth) {
    return fmt::format("a: {}{}\n", std::string(depth, '['), std::string(depth, ']'));
  };
  EXPECT_EQ(error_of(nested(99)), "");
  EXPECT_THAT(error_of(nested(100)), HasSubstr("nested deeper than 100"));
  EXPECT_THAT(error_of(nested(50000)), HasSubstr("nested deeper than 100"));
  EXPECT_NE(error_of(std::string(200000, '[')), "");
  EXPECT_NE(error_of(std::string(200000, '{')), "");
  std::string block;
  for (int i = 0; i < 5000; ++i) block += "- ";
  EXPECT_THAT(error_of(block + "x"), HasSubstr("nested deeper than 100"));
}

TEST(YamlParse, AliasBombsAreRefusedBeforeTheyGrow) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i)
    bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  EXPECT_THAT(error_of(bomb), HasSubstr("expands to more than"));
  EXPECT_THAT(error_of("a: &a [1, *a]\n"), HasSubstr("contains it"));
}

TEST(YamlDump, WritesBlockStyle) {
  EXPECT_EQ(round_trip("{a: [1, {b: [], c: {}}, [x, [y]]], d: }"),
            "a:\n- 1\n- b: []\n  c: {}\n- - x\n  - - y\nd: null\n");
}

TEST(YamlDump, NumbersLookLikePythons) {
  EXPECT_EQ(round_trip("[0.5, 100.0, 1.0e-5, 1.0e-4, 1.0e+16, 1.0e+15, -0.0, .inf, 90]"),
            "- 0.5\n- 100.0\n- 1.0e-05\n- 0.0001\n- 1.0e+16\n- 1000000000000000.0\n- -0.0\n- .inf\n"
            "- 90\n");
}

TEST(YamlDump, QuotesOnlyWhereItMust) {
  EXPECT_EQ(round_trip(R"(['*', '*.q', "yes", '8', "1e-5", 'a: b', 'a:b', 'x #y', "-", '- a', '',
                          "it's", 'null', '{a}', 'model.layers.{0..2}.*', '?', '2024-01-01', '='])"),
            "- '*'\n- '*.q'\n- 'yes'\n- '8'\n- 1e-5\n- 'a: b'\n- a:b\n- 'x #y'\n- '-'\n- '- a'\n"
            "- ''\n- it's\n- 'null'\n- '{a}'\n- model.layers.{0..2}.*\n- '?'\n- '2024-01-01'\n"
            "- '='\n");
}

TEST(YamlDump, EscapesWhatIsNotAscii) {
  EXPECT_EQ(round_trip("[\"中文\", \"a\\tb\", \"\\xe9\\L\", '😀']"),
            "- \"\\u4E2D\\u6587\"\n- \"a\\tb\"\n- \"\\xE9\\L\"\n- \"\\U0001F600\"\n");
}

TEST(YamlDump, BreaksLinesBehindColumnEighty) {
  const std::string word(30, 'w');
  const std::string text = word + ' ' + word + ' ' + word + ' ' + word;
  EXPECT_EQ(round_trip(fmt::format("key: {}\n", text)),
            "key: " + word + ' ' + word + ' ' + word + "\n  " + word + '\n');
  EXPECT_EQ(round_trip("- ': " + text + "'\n"),
            "- ': " + word + ' ' + word + ' ' + word + "\n  " + word + "'\n");
}

TEST(YamlDump, LongKeysBecomeExplicit) {
  const std::string key(130, 'k');
  EXPECT_EQ(round_trip(key + ": [1]\n"), "? " + key + "\n: - 1\n");
  EXPECT_EQ(round_trip("'': 1\n"), "? ''\n: 1\n");
}

}  // namespace
}  // namespace msmodelslim
