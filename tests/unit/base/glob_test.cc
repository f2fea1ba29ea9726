#include "base/glob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

bool matches(const char* pattern, const char* name) { return Glob(pattern).matches(name); }

TEST(Glob, PlainTextMatchesTheWholeNameWithCase) {
  EXPECT_TRUE(matches("lm_head", "lm_head"));
  EXPECT_FALSE(matches("lm_head", "lm_head2"));
  EXPECT_FALSE(matches("lm_head", "model.lm_head"));
  EXPECT_FALSE(matches("lm_head", "LM_HEAD"));
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("", "a"));
}

TEST(Glob, StarCrossesDots) {
  EXPECT_TRUE(matches("*", "model.layers.0.mlp.down_proj"));
  EXPECT_TRUE(matches("*.down_proj", "model.layers.0.mlp.down_proj"));
  EXPECT_TRUE(matches("*self_attn*", "model.layers.3.self_attn.q_proj"));
  EXPECT_TRUE(matches("model.*.q_proj", "model.layers.3.self_attn.q_proj"));
  EXPECT_FALSE(matches("*mlp", "model.layers.0.mlp.gate_proj"));
  EXPECT_TRUE(matches("a*", "a"));
  EXPECT_TRUE(matches("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(matches("a*b*c", "aXbYbZ"));
  EXPECT_TRUE(matches("**", "ab"));
}

TEST(Glob, LeadingWildcardsNeedANameThatDoesNotBeginWithADot) {
  for (const char* pattern : {"*", "?*", "**", "[!x]*"}) {
    EXPECT_FALSE(matches(pattern, "")) << pattern;
    EXPECT_FALSE(matches(pattern, ".hidden")) << pattern;
  }
  EXPECT_FALSE(matches("[.]a", ".a"));
  EXPECT_TRUE(matches(".*", ".hidden"));
  EXPECT_TRUE(matches("a?b", "a.b"));
}

TEST(Glob, QuestionMarkIsOneCharacter) {
  EXPECT_TRUE(matches("layers.?.mlp", "layers.3.mlp"));
  EXPECT_FALSE(matches("layers.?.mlp", "layers.13.mlp"));
  EXPECT_FALSE(matches("layers.?.mlp", "layers..mlp"));
  EXPECT_TRUE(matches("x?", "x\xE4\xB8\xAD"));  // one Chinese character
}

TEST(Glob, Sets) {
  EXPECT_TRUE(matches("[abc]x", "bx"));
  EXPECT_FALSE(matches("[abc]x", "dx"));
  EXPECT_TRUE(matches("layers.[0-4].mlp", "layers.3.mlp"));
  EXPECT_FALSE(matches("layers.[0-4].mlp", "layers.5.mlp"));
  EXPECT_TRUE(matches("[!a]", "b"));
  EXPECT_FALSE(matches("[!a]", "a"));
  EXPECT_TRUE(matches("[^a]", "b"));
  EXPECT_TRUE(matches("[]a]", "]"));
  EXPECT_TRUE(matches("[a-]", "-"));
  EXPECT_TRUE(matches("[-a]", "-"));
  EXPECT_TRUE(matches("[a-c-e]", "-"));
  EXPECT_FALSE(matches("[a-c-e]", "d"));
  EXPECT_TRUE(matches("[a\\]b]", "]"));
  EXPECT_TRUE(matches("[a-\\c]", "b"));
  EXPECT_FALSE(matches("[z-a]", "m"));  // a reversed range holds nothing
  EXPECT_TRUE(matches("[!z-a]", "m"));
}

TEST(Glob, PosixClasses) {
  EXPECT_TRUE(matches("layers.[[:digit:]].mlp", "layers.7.mlp"));
  EXPECT_FALSE(matches("layers.[[:digit:]].mlp", "layers.x.mlp"));
  EXPECT_TRUE(matches("[[:upper:][:digit:]]", "Q"));
  EXPECT_TRUE(matches("[[:digit:]-a]", "-"));
  EXPECT_TRUE(matches("[a-[:digit:]]", "5"));
  EXPECT_TRUE(matches("[a-[:digit:]]", "-"));
  EXPECT_TRUE(matches("[![:digit:]]", "x"));
}

TEST(Glob, AnOpenSetIsText) {
  EXPECT_TRUE(matches("[a", "[a"));
  EXPECT_TRUE(matches("a[", "a["));
  EXPECT_TRUE(matches("[!]", "[!]"));
  EXPECT_FALSE(matches("[a", "a"));
}

TEST(Glob, BackslashEscapes) {
  EXPECT_TRUE(matches("\\*", "*"));
  EXPECT_FALSE(matches("\\*", "a"));
  EXPECT_TRUE(matches("\\a", "a"));
  EXPECT_TRUE(matches("a\\", "a"));
  EXPECT_TRUE(matches("\\{a,b}", "{a,b}"));
}

TEST(Glob, NoNegationNoAlternativesNoExtendedGlobs) {
  EXPECT_TRUE(matches("!a", "!a"));
  EXPECT_FALSE(matches("!a", "b"));
  EXPECT_FALSE(matches("a|b", "a"));
  EXPECT_FALSE(matches("+(a)", "aa"));
}

TEST(Glob, BracesSelectLayers) {
  const Glob glob("model.layers.{{0..2},61}.*");
  for (const char* name : {"model.layers.0.mlp.up_proj", "model.layers.2.x", "model.layers.61.x"})
    EXPECT_TRUE(glob.matches(name)) << name;
  for (const char* name : {"model.layers.3.x", "model.layers.6.x", "model.layers.611.x"})
    EXPECT_FALSE(glob.matches(name)) << name;
  EXPECT_EQ(glob.pattern(), "model.layers.{{0..2},61}.*");
}

TEST(Braces, ListsAndRanges) {
  EXPECT_THAT(expand_braces("{a,b}"), ElementsAre("a", "b"));
  EXPECT_THAT(expand_braces("{1..5}"), ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_THAT(expand_braces("{5..3}"), ElementsAre("5", "4", "3"));
  EXPECT_THAT(expand_braces("{-1..1}"), ElementsAre("-1", "0", "1"));
  EXPECT_THAT(expand_braces("{1..10..4}"), ElementsAre("1", "5", "9"));
  EXPECT_THAT(expand_braces("{a..c}"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(expand_braces("{e..a..2}"), ElementsAre("e", "c", "a"));
  EXPECT_THAT(expand_braces("x{a,b}y{c,d}"), ElementsAre("xayc", "xayd", "xbyc", "xbyd"));
}

TEST(Braces, PaddedRangesKeepTheirWidth) {
  EXPECT_THAT(expand_braces("{08..10}"), ElementsAre("08", "09", "10"));
  EXPECT_THAT(expand_braces("{1..03}"), ElementsAre("01", "02", "03"));
  EXPECT_THAT(expand_braces("{-01..1}"), ElementsAre("-01", "000", "001"));
  EXPECT_FALSE(matches("{01..03}", "2"));
  EXPECT_TRUE(matches("{01..03}", "02"));
}

TEST(Braces, Nesting) {
  EXPECT_THAT(expand_braces("{a,{b,c}d}e"), ElementsAre("ae", "bde", "cde"));
  EXPECT_THAT(expand_braces("{{1..3},10}"), ElementsAre("1", "2", "3", "10"));
  EXPECT_THAT(expand_braces("{1..3,10}"), ElementsAre("1..3", "10"));
}

TEST(Braces, WhatIsNoGroupStaysText) {
  for (const char* text : {"{a}", "{}", "{a,b", "{1..a}", "{1..}", "{..}", "${a,b}", "\\{a,b}",
                           "{a,b\\}", "a{{b}}c", "{{}}"})
    EXPECT_THAT(expand_braces(text), ElementsAre(text));
  EXPECT_THAT(expand_braces("{{a,b}"), ElementsAre("{a", "{b"));
  EXPECT_THAT(expand_braces("{a,b}}"), ElementsAre("a}", "b}"));
  EXPECT_THAT(expand_braces("{a\\,b,c}"), ElementsAre("a\\,b", "c"));
}

TEST(Braces, EmptyItemsDisappearWhenNothingElseIsLeft) {
  EXPECT_THAT(expand_braces("a{,b}"), ElementsAre("a", "ab"));
  EXPECT_THAT(expand_braces("{,a}"), ElementsAre("a"));
  EXPECT_THAT(expand_braces("{,}"), IsEmpty());
}

TEST(Braces, AThousandNamesAndNoMore) {
  EXPECT_EQ(expand_braces("{1..1000}").size(), 1000U);
  EXPECT_THROW(expand_braces("{1..1001}"), UsageError);
  EXPECT_THROW(expand_braces("{1..999999999}"), UsageError);
  EXPECT_THROW(Glob("{1..100}{1..100}"), UsageError);
  EXPECT_THROW(Glob("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"), UsageError);
  EXPECT_THROW(Glob(std::string(5000, '{')), UsageError);
}

}  // namespace
}  // namespace msmodelslim
