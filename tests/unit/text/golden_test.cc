// The token ids that msModelSlim fed to the golden models.
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"
#include "shared_data.h"
#include "text/dataset.h"
#include "text/tokenizer.h"

namespace msmodelslim {
namespace {

std::vector<std::vector<std::int32_t>> fed_ids(const std::string& test_case) {
  const Json kinds =
      read_json_file(shared_dir() + "/golden/cases/" + test_case + "/calib_tokens.json");
  return kinds.at(0).at("input_ids").get<std::vector<std::vector<std::int32_t>>>();
}

void check(const std::string& model, const std::string& set, const std::string& test_case) {
  const Tokenizer tokenizer = Tokenizer::load(shared_dir() + "/golden/models/" + model);
  const auto samples = read_calib_set(shared_dir() + "/golden/calib/" + set);
  EXPECT_EQ(tokenize_calib_set(samples, tokenizer, {}), fed_ids(test_case));
}

TEST(GoldenTokens, Qwen2) {
  REQUIRE_SHARED("golden");
  check("qwen2", "calib8.jsonl", "qwen2-w8a8-dyn");
}

TEST(GoldenTokens, LlamaOneCommand) {
  REQUIRE_SHARED("golden");
  check("llama", "onecommand/mix_calib.jsonl", "llama-cmd-w8a8");
}

TEST(GoldenTokens, Qwen3) {
  REQUIRE_SHARED("golden");
  check("qwen3", "calib8.jsonl", "qwen3-autoround-w4a4");
}

TEST(GoldenTokens, WholeFilesComeBack) {
  REQUIRE_SHARED("data");
  const Tokenizer tokenizer = Tokenizer::load(shared_dir() + "/golden/models/qwen2");
  const std::string text = read_file(shared_dir() + "/data/wikitext-2/wiki.test.raw");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, true), false), text);
}

}  // namespace
}  // namespace msmodelslim
