#include "cli/traditional_args.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

std::vector<std::string> words(std::vector<std::string> more) {
  std::vector<std::string> all = {"qwen", "--model_path", "M", "--save_directory", "Q"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string error_of(const std::vector<std::string>& arguments) {
  try {
    parse_traditional_args(arguments);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

TEST(TraditionalArgs, TheQuickStartsCommand) {
  const TraditionalArgs args = parse_traditional_args(
      {"example/Qwen/quant_qwen.py", "--model_path", "M", "--save_directory", "Q", "--calib_file",
       "example/common/boolq.jsonl", "--w_bit", "8", "--a_bit", "8", "--device_type", "npu",
       "--trust_remote_code", "True"});
  EXPECT_EQ(args.family->name, "qwen");
  EXPECT_EQ(args.model_type, "qwen2");
  EXPECT_EQ(args.calib_file, "example/common/boolq.jsonl");
  EXPECT_EQ(args.options.act_method, 1);
  EXPECT_FALSE(args.options.mm_tensor);
  EXPECT_EQ(args.options.part_file_size, std::nullopt);
}

TEST(TraditionalArgs, DefaultsDifferByFamily) {
  const auto of = [](const char* family) {
    return parse_traditional_args({family, "--model_path", "M", "--save_directory", "Q"});
  };
  EXPECT_EQ(of("qwen_pdmix").options.part_file_size, 4);
  EXPECT_EQ(of("deepseek").options.part_file_size, 5);
  EXPECT_EQ(of("gpt_neox").options.act_method, 3);
  EXPECT_EQ(of("gpt_neox").calib_file, "example/common/boolq.jsonl");
  EXPECT_EQ(of("llama").model_type, "llama2");
}

TEST(TraditionalArgs, ErrorsComeBeforeTheModel) {
  EXPECT_THAT(error_of({"qwem"}), HasSubstr("unknown family 'qwem'"));
  EXPECT_THAT(error_of({"example/DeepSeek/quant_deepseek_w8a8.py"}), HasSubstr("not built yet"));
  EXPECT_THAT(error_of({"qwen", "--model_path", "M"}), HasSubstr("no folder for the result"));
  EXPECT_THAT(error_of(words({"--w_bit", "4"})), HasSubstr("--w_bit: 4 with a_bit 8"));
  EXPECT_THAT(error_of(words({"--w_bit", "x"})), HasSubstr("no whole number"));
  EXPECT_THAT(error_of(words({"--co_sparse", "yes"})), HasSubstr("neither True nor False"));
  EXPECT_THAT(error_of(words({"--anti_method", "m9"})), HasSubstr("'m9' is unknown"));
  EXPECT_THAT(error_of(words({"--model_type", "llama"})), HasSubstr("--model_type 'llama'"));
  EXPECT_THAT(error_of(words({"--device_type", "gpu"})), HasSubstr("neither cpu nor npu"));
  EXPECT_THAT(error_of(words({"--tokenizer_args", "[1]"})), HasSubstr("must be a JSON object"));
  EXPECT_THAT(error_of(words({"--anti_file", "F"})), HasSubstr("anti_file"));
}

TEST(TraditionalArgs, Rollback) {
  using testing::Contains;
  using testing::Not;
  const Family& qwen = find_family("qwen");
  EXPECT_THAT(default_rollback(qwen, "qwen2", "", 16, 2),
              testing::ElementsAre("model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj",
                                   "lm_head"));
  const Family& llama = find_family("llama");
  EXPECT_TRUE(default_rollback(llama, "llama2", "", 16, 2).empty());
  EXPECT_THAT(default_rollback(llama, "llama2", "", 8, 2), Not(Contains("lm_head")));
  const auto three = default_rollback(llama, "llama3", "", 8, 8);
  EXPECT_EQ(three.size(), 5U * 7 + 1);
  const auto instruct = default_rollback(llama, "llama3.1_instruct", "", 8, 8);
  EXPECT_EQ(instruct.size(), 8U + 5 * 6 + 1);
}

TEST(TraditionalArgs, SmoothingByFamily) {
  V0Options options;
  options.a_bit = 16;
  EXPECT_EQ(anti_of(find_family("qwen"), "qwen2", "m3", options, 2).a_bit, 16);
  EXPECT_EQ(anti_of(find_family("qwen"), "qwen2", "m4", options, 2).a_bit, 8);
  const V0Anti three = anti_of(find_family("qwen"), "qwen3", "m6", options, 2);
  EXPECT_EQ(three.alpha, 0.4);
  EXPECT_EQ(three.disable_names.size(), 2U);
  EXPECT_TRUE(anti_of(find_family("qwen_pdmix"), "qwen2", "m6", options, 2).disable_names.empty());
  EXPECT_EQ(anti_of(find_family("llama"), "llama2", "m6", options, 2).alpha, std::nullopt);
}

}  // namespace
}  // namespace msmodelslim
