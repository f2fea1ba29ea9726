// Tokenizers of folders without tokenizer.json, against the ids that the packages sentencepiece and
// tiktoken give (tests/golden/make/tiny_tokenizers.py).
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "text/charsmap.h"
#include "text/spm_proto.h"
#include "text/tiktoken_file.h"
#include "text/tokenizer.h"
#include "text/tokenizer_file.h"

namespace msmodelslim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string folder_of(const std::string& name) {
  return std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/unit/text/data/tokenizers/" + name;
}

class TokenizerFiles : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerFiles, GiveTheIdsOfThePythonPackages) {
  const Tokenizer tokenizer = Tokenizer::load(folder_of(GetParam()));
  const Json expected = read_json_file(folder_of(GetParam()) + "/expected.json");
  for (std::size_t i = 0; i < expected.at("texts").size(); ++i) {
    const auto text = expected.at("texts")[i].get<std::string>();
    const auto ids = expected.at("ids")[i].get<std::vector<std::int32_t>>();
    EXPECT_EQ(tokenizer.encode(text, false), ids) << text;
    const Json& decoded = expected.at("decoded")[i];
    if (decoded.is_null()) continue;
    EXPECT_EQ(tokenizer.decode(ids, false), decoded.get<std::string>()) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerFiles,
                         ::testing::Values("spm_bpe", "spm_bpe_plain", "spm_unigram",
                                           "spm_unigram_bytes", "spm_bpe_unused",
                                           "spm_unigram_ties", "qwen", "kimi", "glm4", "hunyuan"));

TEST(TokenizerFilesEnds, AreThoseOfTheFamily) {
  const auto ends = [](const char* name) {
    return Tokenizer::load(folder_of(name)).encode("", true);
  };
  EXPECT_THAT(ends("spm_bpe"), ElementsAre(1));
  EXPECT_THAT(ends("qwen"), ElementsAre());
  EXPECT_THAT(ends("kimi"), ElementsAre());
  EXPECT_THAT(ends("hunyuan"), ElementsAre());
  const Tokenizer glm = Tokenizer::load(folder_of("glm4"));
  EXPECT_THAT(glm.encode("", true),
              ElementsAre(*glm.token_to_id("[gMASK]"), *glm.token_to_id("<sop>")));
}

// A folder of one tokenizer file and a tokenizer_config.json.
class MadeFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tokenizer_files_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  void take(const std::string& from, const std::string& file, const std::string& config) {
    fs::copy_file(folder_of(from) + "/" + file, folder_ / file,
                  fs::copy_options::overwrite_existing);
    std::ofstream(folder_ / "tokenizer_config.json") << config;
  }
  std::string error() const {
    try {
      Tokenizer::load(folder_.string());
    } catch (const DataError& error) {
      return error.what() + (" / " + error.remedy());
    }
    return "no error";
  }

  fs::path folder_;
};

TEST_F(MadeFolder, NewStyleAddsABlankAtTheStartOnly) {
  take("spm_bpe", "tokenizer.model", R"({"tokenizer_class": "LlamaTokenizer"})");
  const auto old_ids = Tokenizer::load(folder_.string()).encode("a<s>a", false);
  take("spm_bpe", "tokenizer.model", R"({"tokenizer_class": "LlamaTokenizer", "legacy": false})");
  const auto new_ids = Tokenizer::load(folder_.string()).encode("a<s>a", false);
  ASSERT_EQ(old_ids.size(), 3U);
  EXPECT_EQ(old_ids[0], old_ids[2]);
  EXPECT_NE(new_ids.back(), new_ids.front());
}

TEST_F(MadeFolder, ConfigAddsTokensAndEnds) {
  take("spm_bpe", "tokenizer.model",
       R"({"add_bos_token": false, "add_eos_token": true, "eos_token": "</s>",
           "added_tokens_decoder": {"705": {"content": "<|im_end|>", "special": true}},
           "additional_special_tokens": ["<|im_end|>", "<extra>"]})");
  std::ofstream(folder_ / "added_tokens.json") << R"({"<old>": 703})";
  const Tokenizer tokenizer = Tokenizer::load(folder_.string());
  EXPECT_THAT(tokenizer.encode("<|im_end|><extra><old>", true), ElementsAre(705, 706, 703, 2));
  EXPECT_EQ(tokenizer.decode(std::vector<std::int32_t>{705, 703}, true), "<old>");
}

TEST_F(MadeFolder, ChatGlmHasItsOwnEnds) {
  take("spm_bpe", "tokenizer.model", R"({"tokenizer_class": "ChatGLMTokenizer"})");
  const Tokenizer tokenizer = Tokenizer::load(folder_.string());
  EXPECT_THAT(tokenizer.encode("<|user|>", true), ElementsAre(701, 703, 706));
}

TEST_F(MadeFolder, ModelTypesTellTheTokenizersOfHunYuanApart) {
  const std::string text = "<|startoftext|><|extra_203|>";
  const auto encoded = [&](const std::string& model_type) {
    take("hunyuan", "hy.tiktoken", R"({"tokenizer_class": "HYTokenizer"})");
    std::ofstream(folder_ / "config.json") << R"({"model_type": ")" + model_type + "\"}";
    return Tokenizer::load(folder_.string()).encode(text, true);
  };
  const auto later = encoded("hunyuan_v1_dense");
  ASSERT_EQ(later.size(), 2U);
  EXPECT_EQ(later[1], later[0] + 3 + 1 + 203);
  EXPECT_THAT(encoded("hunyuan"), ElementsAre(later[0], later[0], later[1]));
  EXPECT_EQ(encoded("something"), later);
}

TEST_F(MadeFolder, SaysWhatItCannotRead) {
  EXPECT_THAT(error(), HasSubstr("no tokenizer.json, tokenizer.model or *.tiktoken"));
  take("qwen", "qwen.tiktoken", R"({"tokenizer_class": "OtherTokenizer"})");
  EXPECT_THAT(error(), HasSubstr("the tokenizer \"OtherTokenizer\""));
  EXPECT_THAT(error(), HasSubstr("QWenTokenizer"));
  std::ofstream(folder_ / "tokenizer.model") << "\x0a\x7f";
  EXPECT_THAT(error(), HasSubstr("a field of 127 bytes where 0 are left"));
}

TEST(SpmProto, RefusesDamage) {
  const auto error = [](std::string_view bytes) {
    try {
      read_spm_model(bytes, "m");
    } catch (const DataError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  using std::string_view_literals::operator""sv;
  EXPECT_THAT(error(""), HasSubstr("it has no pieces"));
  EXPECT_THAT(error("\x0b"sv), HasSubstr("wire type 3"));
  EXPECT_THAT(error("\x08\x80"sv), HasSubstr("a field of 1 bytes"));
  EXPECT_THAT(error("\x0a\x03\x0a\x01\xff"sv), HasSubstr("piece 0 is empty or not UTF-8"));
  EXPECT_THAT(error("\x0a\x03\x0a\x01z\x12\x02\x18\x03"sv), HasSubstr("WORD"));
  EXPECT_THAT(error("\x0a\x05\x0a\x01z\x18\x09"sv), HasSubstr("piece 0 has the type 9"));
}

TEST(SpmProto, RefusesLengthsBeyondTheFile) {
  // A piece of 2^62 bytes, and one inside of a piece.
  for (const std::string& bytes : {std::string("\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x40"),
                                   std::string("\x0a\x0a\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x40")})
    EXPECT_THROW(read_spm_model(bytes, "m"), DataError);
}

TEST(TiktokenFile, RefusesDamage) {
  const auto error = [](std::string_view text) {
    try {
      read_tiktoken(text, "m");
    } catch (const DataError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(error("IQ== 0\n"), HasSubstr("255 of the 256 single bytes"));
  for (const char* line :
       {"IQ==", "IQ= 1", "I?== 1", "IQ== x", "IQ== -1", " 1", "IQ== 1 2", "IQ== 2000000000"})
    EXPECT_THAT(error(line), HasSubstr("m: line 1 is not a token")) << line;
  EXPECT_THAT(error("IQ== 0\n\nIg== 0\n"), HasSubstr("line 3: the rank 0 appears twice"));
}

TEST(Charsmap, RefusesDamage) {
  EXPECT_THROW(Charsmap("\x08\0\0\0abc", "m"), DataError);
  EXPECT_THROW(Charsmap("ab", "m"), DataError);
  EXPECT_THROW(Charsmap("\xfc\xff\xff\xff abcd", "m"), DataError);  // a trie of 4 GiB
  std::size_t used = 0;
  EXPECT_FALSE(Charsmap("", "m").find("a", 0, used).has_value());
}

}  // namespace
}  // namespace msmodelslim
