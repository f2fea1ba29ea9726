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
  EXPECT_THAT(error_of(words({"--disable_threshold", "-1"})), HasSubstr("must not be negative"));
  EXPECT_THAT(error_of(words({"--fa_amp", "2"})), HasSubstr("not published"));
  EXPECT_THAT(error_of(words({"--fa_quant"})), HasSubstr("fa_quant"));
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

std::vector<std::string> script(const std::string& name, std::vector<std::string> more) {
  std::vector<std::string> all = {name, "--model_path", "M",
                                  name.ends_with("w4a4.py") ? "--save_directory" : "--save_path",
                                  "Q"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(TraditionalArgs, ScriptsHaveTheirOwnArguments) {
  const TraditionalArgs w8a8 = parse_traditional_args(
      script("example/DeepSeek/quant_deepseek_w8a8.py", {"--fa_quant", "--batch_size", "8"}));
  EXPECT_EQ(w8a8.family->name, "deepseek_w8a8");
  EXPECT_EQ(w8a8.anti_method, "m4");
  EXPECT_EQ(w8a8.anti_file, "../common/deepseek_anti_prompt.json");
  EXPECT_TRUE(w8a8.options.use_fa_quant);
  EXPECT_EQ(w8a8.options.type, "");
  EXPECT_EQ(w8a8.options.mix_cfg.size(), 2U);
  EXPECT_TRUE(parse_traditional_args(script("deepseek_w8a8", {"--dynamic"})).options.is_dynamic);
  EXPECT_EQ(parse_traditional_args(script("deepseek_w4a8", {})).options.group_size, 256);
  EXPECT_TRUE(parse_traditional_args(script("qwen3_moe", {"--rot"})).options.rot);
  const TraditionalArgs w4a4 = parse_traditional_args(script("example/Qwen/w4a4.py", {}));
  EXPECT_EQ(w4a4.options.a_bit, 4);
  EXPECT_EQ(w4a4.anti_method, "m6");
  EXPECT_THAT(error_of(script("deepseek_w8a8", {"--from_fp8", "--from_bf16"})),
              HasSubstr("exclude each other"));
  EXPECT_THAT(error_of(script("deepseek_w8a8", {"--rot", "--quant_mtp", "float"})),
              HasSubstr("--rot does not go"));
  EXPECT_THAT(error_of(script("deepseek_w8a8", {"--batch_size", "17"})), HasSubstr("1 to 16"));
  EXPECT_THAT(error_of(script("deepseek_w8a8", {"--layer_count", "2", "--quant_mtp", "mix"})),
              HasSubstr("next-token layers"));
  EXPECT_THAT(error_of(script("qwen3_moe", {"--w_bit", "8"})), HasSubstr("w_bit"));
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
