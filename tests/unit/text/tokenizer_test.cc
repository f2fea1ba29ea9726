#include "text/tokenizer.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "unit/text/small_tokenizers.h"

namespace msmodelslim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Ids = std::vector<std::int32_t>;

Tokenizer make(const Json& json) { return Tokenizer::from_json(json.dump(), "test.json"); }

std::string error_of(const Json& json) {
  try {
    make(json);
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

struct Case {
  const char* text;
  Ids ids;
  const char* plain;  // decoded without special tokens
  const char* whole;  // decoded with them
};

void check(const Tokenizer& tokenizer, const Case& wanted) {
  SCOPED_TRACE(wanted.text);
  const Ids ids = tokenizer.encode(wanted.text, /*add_special_tokens=*/true);
  EXPECT_EQ(ids, wanted.ids);
  EXPECT_EQ(tokenizer.decode(ids, /*skip_special_tokens=*/true), wanted.plain);
  EXPECT_EQ(tokenizer.decode(ids, /*skip_special_tokens=*/false), wanted.whole);
}

TEST(Tokenizer, ByteLevelGivesTheIdsOfThePythonPackage) {
  const Tokenizer tokenizer = make(small_byte_level());
  check(tokenizer, {"then the bell, an hello",
                    {83, 256, 77, 258, 220, 65, 68, 261, 11, 259, 77, 220, 256, 261, 78},
                    "then the bell, an hello",
                    "then the bell, an hello"});
  check(tokenizer, {"cafe\u0301 12", {66, 64, 69, 262, 220, 16, 17}, "café 12", "café 12"});
  check(tokenizer,
        {"a <b> the<|end|>he", {64, 264, 83, 256, 263, 256}, "a<b>thehe", "a<b>the<|end|>he"});
  check(tokenizer, {"你好\n\n  the",
                    {160, 121, 254, 161, 98, 121, 198, 198, 220, 258},
                    "你好\n\n  the",
                    "你好\n\n  the"});
}

TEST(Tokenizer, SentencePieceStyleGivesTheIdsOfThePythonPackage) {
  const Tokenizer tokenizer = make(small_sentencepiece());
  check(tokenizer, {"ab abc", {1, 11, 9, 12}, "ab abc", "<s> ab abc"});
  check(tokenizer, {"é", {1, 5, 3, 4}, "é", "<s> é"});
  check(tokenizer, {"xyz a", {1, 5, 0, 9}, " a", "<s> <unk> a"});
  check(tokenizer, {"a</s>b", {1, 9, 2, 5, 7}, "a b", "<s> a</s> b"});
  check(tokenizer, {"éxé", {1, 5, 3, 4, 3, 4, 0}, "éé", "<s> éé<unk>"});
  Ids wanted = {1, 9, 12};
  std::string text = "abc";
  for (int i = 0; i < 11; ++i) {
    text += "abc";
    wanted.insert(wanted.end(), {6, 12});
  }
  wanted.push_back(11);
  EXPECT_EQ(tokenizer.encode(text + " ab", true), wanted);
}

TEST(Tokenizer, EmptyTextHasOnlySpecialTokens) {
  const Tokenizer tokenizer = make(small_sentencepiece());
  EXPECT_THAT(tokenizer.encode("", true), ElementsAre(1));
  EXPECT_THAT(tokenizer.encode("", false), ElementsAre());
  EXPECT_EQ(tokenizer.decode({}, false), "");
}

TEST(Tokenizer, BytesThatAreNotUtf8CountAsReplacementCharacter) {
  const Tokenizer tokenizer = make(small_byte_level());
  EXPECT_EQ(tokenizer.encode("a\xFF\xE4\xBD", false), tokenizer.encode("a\uFFFD\uFFFD", false));
}

TEST(Tokenizer, LooksUpTokensAndIds) {
  const Tokenizer tokenizer = make(small_byte_level());
  EXPECT_EQ(tokenizer.token_to_id("Ġthe"), 258);
  EXPECT_EQ(tokenizer.token_to_id("<|end|>"), 263);
  EXPECT_EQ(tokenizer.token_to_id("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.id_to_token(258), "Ġthe");
  EXPECT_EQ(tokenizer.id_to_token(264), "<b>");
  EXPECT_EQ(tokenizer.id_to_token(-1), "");
  EXPECT_EQ(tokenizer.id_to_token(99999), "");
  EXPECT_EQ(tokenizer.vocab_size(), 265);
  EXPECT_THAT(tokenizer.special_ids(), ElementsAre(263));
}

TEST(Tokenizer, DecodePassesOverUnknownIds) {
  const Ids ids = {-5, 258, 1 << 30};
  EXPECT_EQ(make(small_byte_level()).decode(ids, false), " the");
}

TEST(Tokenizer, EncodesFromManyThreads) {
  const Tokenizer tokenizer = make(small_byte_level());
  const Ids wanted = tokenizer.encode("then the bell, an hello", true);
  std::vector<Ids> results(64);
  parallel_for(64, [&](std::int64_t i) {
    results[static_cast<std::size_t>(i)] = tokenizer.encode("then the bell, an hello", true);
  });
  for (const Ids& ids : results) EXPECT_EQ(ids, wanted);
}

TEST(Tokenizer, LongWordOfOneCharacterIsNotQuadratic) {
  Json json = small_sentencepiece();
  json["model"]["vocab"]["aa"] = 13;
  json["model"]["merges"].push_back("a a");
  const Ids ids = make(json).encode(std::string(400001, 'a'), false);
  EXPECT_EQ(ids.size(), 200001u);
  EXPECT_EQ(ids[0], 9);
  EXPECT_EQ(ids[1], 13);
}

TEST(Tokenizer, IgnoreMergesTakesAWholeWordFromTheVocabulary) {
  Json json = small_byte_level();
  json["model"]["vocab"]["hello"] = 263;
  json["added_tokens"] = Json::array();
  EXPECT_THAT(make(json).encode("hello", false), ElementsAre(256, 261, 78));
  json["model"]["ignore_merges"] = true;
  EXPECT_THAT(make(json).encode("hello", false), ElementsAre(263));
}

TEST(Tokenizer, NamesTheFileAndTheComponentThatIsNotSupported) {
  Json json = small_byte_level();
  json["model"]["type"] = "Unigram";
  EXPECT_THAT(error_of(json), HasSubstr("test.json: model (Unigram)"));
  json = small_byte_level();
  json["normalizer"] = Json::parse(R"({"type": "Precompiled", "precompiled_charsmap": "x"})");
  EXPECT_THAT(error_of(json), HasSubstr("test.json: normalizer (Precompiled)"));
  json = small_byte_level();
  json["pre_tokenizer"]["pretokenizers"][0]["type"] = "UnicodeScripts";
  EXPECT_THAT(error_of(json), HasSubstr("pre_tokenizer.pretokenizers[0] (UnicodeScripts)"));
  json = small_byte_level();
  json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a";
  EXPECT_THAT(error_of(json), HasSubstr("pretokenizers[0] (Split): the regular expression"));
  json = small_byte_level();
  json["decoder"]["type"] = "WordPiece";
  EXPECT_THAT(error_of(json), HasSubstr("decoder (WordPiece)"));
  json = small_byte_level();
  json["post_processor"] = {{"type", "Other"}};
  EXPECT_THAT(error_of(json), HasSubstr("post_processor (Other)"));
}

TEST(Tokenizer, RefusesDamagedFiles) {
  EXPECT_THROW(Tokenizer::from_json("", "x"), DataError);
  EXPECT_THROW(Tokenizer::from_json("[]", "x"), DataError);
  EXPECT_THROW(Tokenizer::from_json("{\"model\": {\"vocab\": {\"a\": 0", "x"), DataError);
  EXPECT_THROW(Tokenizer::from_json(std::string(100000, '['), "x"), DataError);
  Json json = small_byte_level();
  json["model"]["merges"].push_back("zz top");
  EXPECT_THAT(error_of(json), HasSubstr("merge 7 needs the token \"zz\""));
  json = small_byte_level();
  json["model"]["merges"].push_back("only");
  EXPECT_THAT(error_of(json), HasSubstr("merge 7, \"only\""));
  json = small_byte_level();
  json["model"]["vocab"]["x1"] = -1;
  EXPECT_THAT(error_of(json), HasSubstr("\"x1\" has the id -1"));
  json = small_byte_level();
  json["model"]["vocab"]["x1"] = 1LL << 40;
  EXPECT_THAT(error_of(json), HasSubstr("\"x1\" has the id 1099511627776"));
  EXPECT_THROW(Tokenizer::from_json(
                   R"({"model": {"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}})", "x"),
               DataError);
}

TEST(Tokenizer, BombsOfPatternsAreRefusedOrStopped) {
  const auto split = [](const std::string& regex) {
    Json json = small_byte_level();
    json["pre_tokenizer"] = Json{{"type", "Split"},
                                 {"pattern", {{"Regex", regex}}},
                                 {"behavior", "Isolated"},
                                 {"invert", false}};
    return json;
  };
  // Nine thousand million states; one hundred thousand groups inside each other.
  EXPECT_NE(error_of(split("(?:(?:(?:a{1,999}){1,999}){1,999}){1,9}")), "");
  EXPECT_NE(error_of(split(std::string(100000, '(') + std::string(100000, ')'))), "");
  // Two to the power of the length of the text.
  const Tokenizer tokenizer = Tokenizer::from_json(split("(?:a+)+$").dump(), "x");
  try {
    tokenizer.encode(std::string(5000, 'a') + "b", false);
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("limit"));
  }
}

class TokenizerFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tokenizer_test_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const char* name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  Tokenizer load() const { return Tokenizer::load(folder_.string()); }

  fs::path folder_;
};

TEST_F(TokenizerFolder, MissingFolderSaysSo) {
  try {
    Tokenizer::load((folder_ / "no").string());
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("there is no such folder"));
  }
}

TEST_F(TokenizerFolder, MissingFileSaysWhatToDo) {
  try {
    load();
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no tokenizer.json, tokenizer.model or *.tiktoken"));
    EXPECT_THAT(error.remedy(), HasSubstr("input_ids"));
  }
}

TEST_F(TokenizerFolder, ReadsNamesOfSpecialTokensAndTheTemplate) {
  write("tokenizer.json", small_sentencepiece().dump());
  write("tokenizer_config.json",
        R"({"bos_token": {"content": "<s>"}, "chat_template": [{"name": "tools", "template": "T"},
            {"name": "default", "template": "D"}]})");
  write("special_tokens_map.json", R"({"bos_token": "<unk>", "eos_token": "</s>"})");
  const Tokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.bos_id(), 1);
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_EQ(tokenizer.config().chat_template, "D");
  write("chat_template.jinja", "J");
  EXPECT_EQ(load().config().chat_template, "J");
}

TEST_F(TokenizerFolder, LlamaClassesTakeSpecialTokensFromTheirConfig) {
  write("tokenizer.json", small_sentencepiece().dump());
  write("tokenizer_config.json",
        R"({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>",
            "add_bos_token": false, "add_eos_token": true})");
  EXPECT_THAT(load().encode("a", true), ElementsAre(9, 2));
  write("tokenizer_config.json",
        R"({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>",
            "add_bos_token": false})");
  EXPECT_THAT(load().encode("a", true), ElementsAre(1, 9));
}

}  // namespace
}  // namespace msmodelslim
