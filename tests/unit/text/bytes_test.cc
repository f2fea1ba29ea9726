#include <gtest/gtest.h>

#include "text/byte_level.h"
#include "text/utf8.h"
#include "text/word_cache.h"

namespace msmodelslim {
namespace {

TEST(ByteLevel, EveryByteComesBack) {
  std::string bytes;
  for (int value = 0; value < 256; ++value) bytes.push_back(static_cast<char>(value));
  std::string text;
  append_byte_level(bytes, text);
  EXPECT_TRUE(is_valid_utf8(text));
  std::string back = "x";
  append_byte_level_decoded(text, back);
  EXPECT_EQ(back, "x" + bytes);
}

TEST(ByteLevel, TextOutsideTheAlphabetStays) {
  std::string out = "x";
  append_byte_level_decoded("Ġa你", out);
  EXPECT_EQ(out, "xĠa你");
}

TEST(Utf8, EachIllFormedPartBecomesOneCharacter) {
  EXPECT_TRUE(is_valid_utf8("aé你😀"));
  EXPECT_FALSE(is_valid_utf8("\xC0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
  EXPECT_EQ(to_valid_utf8("a\xE4\xBDz"), "a\uFFFDz");
  EXPECT_EQ(to_valid_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(to_valid_utf8("\xFF\xFF"), "\uFFFD\uFFFD");
  EXPECT_EQ(to_valid_utf8("é"), "é");
}

TEST(WordCache, RemembersShortWordsOnly) {
  WordCache cache(1000);
  std::vector<std::int32_t> ids = {9};
  EXPECT_FALSE(cache.find("word", ids));
  const std::vector<std::int32_t> stored = {1, 2};
  cache.store("word", stored.data(), stored.size());
  EXPECT_TRUE(cache.find("word", ids));
  EXPECT_EQ(ids, (std::vector<std::int32_t>{9, 1, 2}));
  const std::string longer(32, 'a');
  EXPECT_FALSE(cache.find(longer, ids));
  cache.store(longer, stored.data(), stored.size());
  EXPECT_FALSE(cache.find(longer, ids));
}

}  // namespace
}  // namespace msmodelslim
