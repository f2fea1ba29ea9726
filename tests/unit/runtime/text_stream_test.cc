#include "runtime/text_stream.h"

#include <gtest/gtest.h>

#include "shared_data.h"

namespace msmodelslim {
namespace {

class TextStreamTest : public testing::Test {
 protected:
  TextStreamTest() : tokenizer_(Tokenizer::load(golden_dir() + "/models/qwen2")) {}
  // The pieces that come out, joined by "|".
  std::string pieces(const std::string& text, std::vector<std::string> stop) {
    TextStream stream(tokenizer_, std::move(stop));
    std::string out;
    for (const std::int32_t id : tokenizer_.encode(text, false)) {
      const std::string piece = stream.push(id);
      if (!piece.empty()) out += piece + "|";
    }
    stopped_ = stream.stopped();
    return out + stream.finish();
  }
  static std::string without_bars(std::string text) {
    std::erase(text, '|');
    return text;
  }
  Tokenizer tokenizer_;
  bool stopped_ = false;
};

TEST_F(TextStreamTest, PiecesJoinToTheText) {
  for (const char* text :
       {"Hello, my name is Ada.", "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C",
        "caf\xC3\xA9 \xF0\x9F\x98\x80!"})
    EXPECT_EQ(without_bars(pieces(text, {})), text);
}

TEST_F(TextStreamTest, CharactersComeWhole) {
  TextStream stream(tokenizer_, {});
  for (const std::int32_t id : tokenizer_.encode("\xF0\x9F\x98\x80\xF0\x9F\x98\x80", false)) {
    const std::string piece = stream.push(id);
    EXPECT_EQ(piece.find("\xEF\xBF\xBD"), std::string::npos);
    EXPECT_EQ(piece.size() % 4, 0U);
  }
}

TEST_F(TextStreamTest, SpecialTokensAreShownOnDemand) {
  const std::vector<std::int32_t> special = tokenizer_.special_ids();
  ASSERT_GE(special.size(), 2U);
  const std::string shown = tokenizer_.id_to_token(special[1]);
  std::vector<std::int32_t> ids = tokenizer_.encode("ab", false);
  ids.insert(ids.begin(), special[0]);
  ids.push_back(special[1]);
  const auto text = [&](TextStream stream) {
    std::string joined;
    for (const std::int32_t id : ids) joined += stream.push(id);
    return joined + stream.finish();
  };
  EXPECT_EQ(text({tokenizer_, {}}), "ab");
  EXPECT_EQ(text({tokenizer_, {}, {shown, "no token"}}), "ab" + shown);
}

TEST_F(TextStreamTest, StopStringsEndTheText) {
  EXPECT_EQ(without_bars(pieces("one two three four", {"three"})), "one two ");
  EXPECT_TRUE(stopped_);
  EXPECT_EQ(without_bars(pieces("one two three four", {"o t", "four"})), "one tw");
  EXPECT_EQ(without_bars(pieces("one two", {"twos", ""})), "one two");
  EXPECT_FALSE(stopped_);
}

TEST_F(TextStreamTest, WhatMayBecomeAStopStringIsHeldBack) {
  TextStream stream(tokenizer_, {"abc!"});
  std::string out;
  for (const std::int32_t id : tokenizer_.encode("ab", false)) out += stream.push(id);
  EXPECT_EQ(out, "");
  EXPECT_EQ(stream.finish(), "ab");
}

}  // namespace
}  // namespace msmodelslim
