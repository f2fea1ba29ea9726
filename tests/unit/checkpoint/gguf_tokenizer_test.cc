#include "checkpoint/gguf_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_pre.h"
#include "gguf_models.h"

namespace msmodelslim {
namespace {

using testing::GgufBuilder;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using testing::tiny_model;

struct Tokenizer {
  Json json;
  Json config;
  std::vector<std::int64_t> ends;
};

Tokenizer tokenizer_of(const GgufBuilder& builder, const std::string& arch = "llama") {
  const std::vector<std::byte> bytes = builder.build();
  const GgufMetadata metadata = parse_gguf(bytes, "x.gguf").metadata;
  const GgufVocab vocab = read_gguf_vocab(metadata, arch, 6);
  return {gguf_tokenizer_json(vocab), gguf_tokenizer_config(vocab, metadata, 64), vocab.end_ids};
}

// SentencePiece: "<unk>", "<s>", a byte, then pieces with scores.
GgufBuilder sentence_piece() {
  GgufBuilder b;
  b.set("tokenizer.ggml.model", "llama");
  b.set("tokenizer.ggml.tokens",
        std::vector<std::string>{"<unk>", "<s>", "a", "\xe4\xb8\xad", "aa", "aa\xe4\xb8\xad"});
  b.set("tokenizer.ggml.token_type", std::vector<std::int32_t>{2, 3, 1, 1, 1, 1});
  b.set("tokenizer.ggml.scores", std::vector<float>{0, 0, -10, -11, -2, -1});
  b.set("tokenizer.ggml.unknown_token_id", 0U).set("tokenizer.ggml.bos_token_id", 1U);
  return b;
}

TEST(GgufTokenizer, SmolLmSplitsDigits) {
  const Json json = tokenizer_of(tiny_model("llama", "smollm")).json;
  EXPECT_TRUE(json["normalizer"].is_null());
  EXPECT_EQ(json["pre_tokenizer"]["pretokenizers"][0]["type"], "Digits");
  EXPECT_EQ(json["pre_tokenizer"]["pretokenizers"][1]["use_regex"], true);
  EXPECT_EQ(json["model"]["vocab"].dump(), R"({"a":0,"b":1,"ab":2})");
  EXPECT_EQ(json["model"]["merges"].dump(), R"(["a b"])");
}

TEST(GgufTokenizer, AddedTokensFollowTheirType) {
  const Tokenizer t = tokenizer_of(tiny_model("llama", "smollm"));
  ASSERT_EQ(t.json["added_tokens"].size(), 2U);  // [PAD5] is unused
  EXPECT_EQ(t.json["added_tokens"][0]["id"], 3);
  EXPECT_EQ(t.json["added_tokens"][0]["special"], true);
  EXPECT_EQ(t.json["added_tokens"][1]["content"], "<tool_call>");
  EXPECT_EQ(t.json["added_tokens"][1]["special"], false);
  EXPECT_EQ(t.config["added_tokens_decoder"]["3"]["content"], "<|end|>");
  EXPECT_EQ(t.config["eos_token"], "<|end|>");
  EXPECT_EQ(t.config["chat_template"], "{{ x }}");
  EXPECT_EQ(t.config["model_max_length"], 64);
}

TEST(GgufTokenizer, SpecialTokensAmongOthersStayInTheVocabulary) {
  GgufBuilder builder = tiny_model("llama", "gpt-2");
  builder.set("tokenizer.ggml.token_type", std::vector<std::int32_t>{3, 1, 1, 1, 5, 1});
  builder.set("tokenizer.ggml.merges", std::vector<std::string>{});
  const Json json = tokenizer_of(builder).json;
  EXPECT_EQ(json["model"]["vocab"].size(), 6U);
  EXPECT_EQ(json["added_tokens"].size(), 1U);
  EXPECT_EQ(json["pre_tokenizer"]["type"], "ByteLevel");
}

TEST(GgufTokenizer, QwenFamily) {
  GgufBuilder builder = tiny_model("qwen2", "qwen2");
  builder.set("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "ab", "<|im_end|>",
                                                                "<tool_call>", "<|endoftext|>"});
  builder.set("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 1, 1, 3, 3, 3});
  builder.set("tokenizer.ggml.bos_token_id", 5U);
  const Tokenizer t = tokenizer_of(builder, "qwen2");
  EXPECT_EQ(t.json["normalizer"]["type"], "NFC");
  EXPECT_EQ(t.json["added_tokens"][1]["special"], false);  // whatever the type says
  EXPECT_TRUE(t.config["bos_token"].is_null());
  EXPECT_EQ(t.config["tokenizer_class"], "Qwen2Tokenizer");
  EXPECT_EQ(t.ends, (std::vector<std::int64_t>{3, 5}));
  builder.drop("tokenizer.ggml.pre");
  EXPECT_EQ(tokenizer_of(builder, "qwen2").json["normalizer"]["type"], "NFC");
  EXPECT_THAT([&] { tokenizer_of(builder, "llama"); },
              ThrowsMessage<DataError>(HasSubstr("tokenizer.ggml.pre is missing")));
}

TEST(GgufTokenizer, BosIsAddedByDefaultForLlama3AndWhenAsked) {
  GgufBuilder builder = tiny_model("llama", "llama-bpe");
  EXPECT_THAT([&] { tokenizer_of(builder); }, ThrowsMessage<DataError>(HasSubstr("bos_token_id")));
  builder.set("tokenizer.ggml.bos_token_id", 3U);
  const Json json = tokenizer_of(builder).json;
  EXPECT_EQ(json["model"]["ignore_merges"], true);
  const Json& ends = json["post_processor"]["processors"][1];
  EXPECT_EQ(
      ends["single"].dump(),
      R"([{"SpecialToken":{"id":"<|end|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}])");
  EXPECT_EQ(ends["special_tokens"]["<|end|>"]["ids"].dump(), "[3]");
  builder.set("tokenizer.ggml.add_bos_token", false);
  EXPECT_EQ(tokenizer_of(builder).json["post_processor"]["type"], "ByteLevel");
  builder.set("tokenizer.ggml.add_eos_token", true);
  EXPECT_EQ(tokenizer_of(builder).json["post_processor"]["processors"][1]["single"].size(), 2U);
}

TEST(GgufTokenizer, SentencePieceMergesFollowScores) {
  const Json json = tokenizer_of(sentence_piece()).json;
  EXPECT_EQ(json["model"]["merges"].dump(), "[[\"aa\",\"\xe4\xb8\xad\"],[\"a\",\"a\"]]");
  EXPECT_EQ(json["model"]["byte_fallback"], true);
  EXPECT_EQ(json["model"]["unk_token"], "<unk>");
  EXPECT_EQ(json["normalizer"]["normalizers"].size(), 2U);
  EXPECT_EQ(json["post_processor"]["type"], "TemplateProcessing");
  GgufBuilder builder = sentence_piece();
  builder.set("tokenizer.ggml.add_space_prefix", false);
  const Json bare = tokenizer_of(builder).json;
  EXPECT_EQ(bare["normalizer"]["normalizers"].size(), 1U);
  EXPECT_EQ(bare["decoder"]["decoders"].size(), 3U);
}

TEST(GgufTokenizer, RefusesBrokenVocabularies) {
  const auto refused = [](const std::string& key, const auto& value, const std::string& message) {
    GgufBuilder builder = tiny_model("llama", "smollm");
    builder.set(key, value);
    EXPECT_THAT([&] { tokenizer_of(builder); }, ThrowsMessage<DataError>(HasSubstr(message)));
  };
  refused("tokenizer.ggml.pre", "martian", "\"martian\", which is not known");
  refused("tokenizer.ggml.model", "bert", "\"bert\", which is not supported");
  refused("tokenizer.ggml.eos_token_id", 6U, "eos_token_id is 6");
  refused("tokenizer.ggml.token_type", std::vector<std::int32_t>{1}, "array of 6 numbers");
  refused("tokenizer.ggml.tokens", std::vector<std::string>{"a", "a", "ab", "c", "d", "e"},
          "token 1 \"a\" appears twice");
  for (const char* merge : {"ab", "a x", "b a", "a b a", " a", "a "})
    refused("tokenizer.ggml.merges", std::vector<std::string>{merge}, "does not join two tokens");
  GgufBuilder scores = sentence_piece();
  scores.drop("tokenizer.ggml.scores");
  EXPECT_THAT([&] { tokenizer_of(scores); }, ThrowsMessage<DataError>(HasSubstr("scores")));
  try {
    find_gguf_pre("martian", "x.gguf");
    FAIL();
  } catch (const DataError& e) {
    EXPECT_THAT(e.remedy(), HasSubstr("smollm"));
  }
}

}  // namespace
}  // namespace msmodelslim
