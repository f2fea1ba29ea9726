#include "text/pre_tokenizer.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace msmodelslim {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> words(const char* json, const std::string& text) {
  const Json parsed = Json::parse(json);
  const auto pre_tokenizer = make_pre_tokenizer(Component(parsed, "test"));
  WordList list{text, {{0, text.size()}}, /*at_start=*/true};
  pre_tokenizer->apply(list);
  std::vector<std::string> result;
  for (const WordList::Word& word : list.words) result.emplace_back(list.view(word));
  return result;
}

std::vector<std::string> split(const std::string& behavior, bool invert) {
  return words(fmt::format(R"({{"type": "Split", "pattern": {{"String": "-"}}, "behavior": "{}",
                               "invert": {}}})",
                           behavior, invert)
                   .c_str(),
               "a--b-c");
}

TEST(PreTokenizer, SplitKnowsFiveBehaviors) {
  EXPECT_THAT(split("Removed", false), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split("Removed", true), ElementsAre("-", "-", "-"));
  EXPECT_THAT(split("Isolated", false), ElementsAre("a", "-", "-", "b", "-", "c"));
  EXPECT_THAT(split("Isolated", true), ElementsAre("a", "-", "-", "b", "-", "c"));
  EXPECT_THAT(split("MergedWithPrevious", false), ElementsAre("a-", "-", "b-", "c"));
  EXPECT_THAT(split("MergedWithPrevious", true), ElementsAre("a", "-", "-b", "-c"));
  EXPECT_THAT(split("MergedWithNext", false), ElementsAre("a", "-", "-b", "-c"));
  EXPECT_THAT(split("MergedWithNext", true), ElementsAre("a-", "-", "b-", "c"));
  EXPECT_THAT(split("Contiguous", false), ElementsAre("a", "--", "b", "-", "c"));
  EXPECT_THAT(split("Contiguous", true), ElementsAre("a", "--", "b", "-", "c"));
  EXPECT_THROW(split("Other", false), DataError);
}

TEST(PreTokenizer, WhitespaceAndPunctuation) {
  EXPECT_THAT(words(R"({"type": "Whitespace"})", "Hey, you_2  \u00e9\u0301t\u3000$5"),
              ElementsAre("Hey", ",", "you_2", "\u00e9\u0301t", "$", "5"));
  EXPECT_THAT(words(R"({"type": "WhitespaceSplit"})", " Hey, you\u3000x "),
              ElementsAre("Hey,", "you", "x"));
  EXPECT_THAT(words(R"({"type": "Punctuation"})", "a,b$c\u3002d"),
              ElementsAre("a", ",", "b", "$", "c", "\u3002", "d"));
  EXPECT_THAT(words(R"({"type": "BertPreTokenizer"})", "Hey, you!"),
              ElementsAre("Hey", ",", "you", "!"));
}

TEST(PreTokenizer, Digits) {
  EXPECT_THAT(words(R"({"type": "Digits", "individual_digits": true})", "a12\u00bdb"),
              ElementsAre("a", "1", "2", "\u00bd", "b"));
  EXPECT_THAT(words(R"({"type": "Digits", "individual_digits": false})", "a12\u00bdb"),
              ElementsAre("a", "12\u00bd", "b"));
}

TEST(PreTokenizer, Metaspace) {
  EXPECT_THAT(
      words(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"})", "Hey  you"),
      ElementsAre("▁Hey", "▁", "▁you"));
  EXPECT_THAT(words(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never",
                        "split": false})",
                    "Hey you"),
              ElementsAre("Hey▁you"));
  EXPECT_THROW(words(R"({"type": "Metaspace", "replacement": "ab"})", "x"), DataError);
}

TEST(PreTokenizer, ByteLevelHasItsOwnPattern) {
  EXPECT_THAT(words(R"({"type": "ByteLevel", "add_prefix_space": true})", "I'm 12  caf\u00e9\n"),
              ElementsAre("ĠI", "'m", "Ġ12", "Ġ", "ĠcafÃ©", "Ċ"));
}

TEST(PreTokenizer, StepsOfASequenceSeeTheWordsBefore) {
  EXPECT_THAT(words(R"({"type": "Sequence", "pretokenizers": [
                        {"type": "Digits", "individual_digits": true},
                        {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]})",
                    "in 1984"),
              ElementsAre("in", "Ġ", "1", "9", "8", "4"));
}

}  // namespace
}  // namespace msmodelslim
