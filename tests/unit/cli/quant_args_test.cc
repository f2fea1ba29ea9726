#include "cli/quant_args.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/long_options.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

std::string error_of(const Words& args) {
  try {
    parse_quant_args(args);
  } catch (const UsageError& e) {
    EXPECT_EQ(e.exit_code(), 2);
    return e.what();
  }
  return "";
}

QuantArgs parse(Words more) {
  Words args = {"--model_path", "M", "--save_path", "S"};
  args.insert(args.end(), more.begin(), more.end());
  return parse_quant_args(args);
}

TEST(QuantArgs, TheQuickStartsCommand) {
  const QuantArgs args = parse_quant_args(
      {"--model_path", "/models/q", "--save_path", "/out", "--device", "npu:0,1", "--model_type",
       "Qwen2.5-7B-Instruct", "--quant_type", "w8a8", "--trust_remote_code", "True"});
  EXPECT_EQ(args.model_path, "/models/q");
  EXPECT_EQ(args.save_path, "/out");
  EXPECT_EQ(args.device.kind, Device::Kind::kNpu);
  EXPECT_THAT(args.device.indices, ElementsAre(0, 1));
  EXPECT_EQ(args.model_type, "Qwen2.5-7B-Instruct");
  EXPECT_EQ(args.quant_type->name, "w8a8");
  EXPECT_TRUE(args.trust_remote_code);
}

TEST(QuantArgs, Defaults) {
  const QuantArgs args = parse({});
  EXPECT_EQ(args.device.kind, Device::Kind::kAuto);
  EXPECT_EQ(args.model_type, std::nullopt);
  EXPECT_FALSE(args.quant_type.has_value());
  EXPECT_EQ(args.config_path, std::nullopt);
  EXPECT_EQ(args.threads, std::nullopt);
  EXPECT_EQ(args.seed, 42U);
  EXPECT_THAT(args.tags, IsEmpty());
  EXPECT_FALSE(args.yes || args.debug || args.overwrite || args.strict || args.quiet);
}

TEST(QuantArgs, EveryOption) {
  const QuantArgs args = parse({"--yes",
                                "--debug",
                                "--overwrite",
                                "--strict",
                                "--quiet",
                                "--threads",
                                "4",
                                "--seed",
                                "7",
                                "--calib_dataset",
                                "c.jsonl",
                                "--calib_samples",
                                "8",
                                "--calib_tokens",
                                "512",
                                "--exclude",
                                "*.down_proj",
                                "lm_head",
                                "--config_path",
                                "r.yaml",
                                "--tag",
                                "vLLM_Ascend"});
  EXPECT_TRUE(args.yes && args.debug && args.overwrite && args.strict && args.quiet);
  EXPECT_EQ(args.threads, 4);
  EXPECT_EQ(args.seed, 7U);
  EXPECT_EQ(args.calib_dataset, "c.jsonl");
  EXPECT_EQ(args.calib_samples, 8);
  EXPECT_EQ(args.calib_tokens, 512);
  EXPECT_THAT(args.exclude, ElementsAre("*.down_proj", "lm_head"));
  EXPECT_EQ(args.config_path, "r.yaml");
  EXPECT_THAT(args.tags, ElementsAre("vLLM_Ascend"));
}

TEST(QuantArgs, PlainArgumentIsTheModel) {
  EXPECT_EQ(parse_quant_args({"M", "--save_path", "S"}).model_path, "M");
  EXPECT_EQ(parse_quant_args({"--save_path", "S", "M"}).model_path, "M");
  EXPECT_EQ(parse_quant_args({"--tag", "a", "--save_path", "S", "M"}).model_path, "M");
  EXPECT_EQ(parse_quant_args({"M", "--model_path", "M", "--save_path", "S"}).model_path, "M");
  EXPECT_THAT(error_of({"A", "--model_path", "B", "--save_path", "S"}), HasSubstr("two model"));
  EXPECT_THAT(error_of({"A", "B", "--save_path", "S"}), HasSubstr("not expected: B"));
}

TEST(QuantArgs, ArgparseSpellings) {
  EXPECT_EQ(parse({"--conf", "r.yaml"}).config_path, "r.yaml");
  EXPECT_EQ(parse({"--config_path=r.yaml"}).config_path, "r.yaml");
  EXPECT_EQ(parse({"--config-path", "r.yaml"}).config_path, "r.yaml");
  EXPECT_EQ(parse({"--calib-data=a=b"}).calib_dataset, "a=b");
  EXPECT_EQ(parse({"--save_path", "T"}).save_path, "T");  // the later one counts
  EXPECT_EQ(parse({"--config_path", "a", "--config_path", "b"}).config_path, "b");
  EXPECT_EQ(parse_quant_args({"--model_pa", "x", "--sav=y"}).model_path, "x");
}

TEST(QuantArgs, TagsMayBeEmptyAndTheLastOnesCount) {
  EXPECT_THAT(parse({"--tag"}).tags, IsEmpty());
  EXPECT_THAT(parse({"--tag", "--debug"}).tags, IsEmpty());
  EXPECT_THAT(parse({"--tag", "a", "b", "--debug", "--tag", "c"}).tags, ElementsAre("c"));
  EXPECT_TRUE(parse({"--tag", "a", "--debug", "--tag", "c"}).debug);
}

TEST(QuantArgs, ExcludePatternsAdd) {
  EXPECT_THAT(parse({"--exclude", "a", "b", "--exclude=c"}).exclude, ElementsAre("a", "b", "c"));
  EXPECT_THAT(error_of({"M", "--save_path", "S", "--exclude"}), HasSubstr("--exclude"));
}

TEST(QuantArgs, PathsMayHoldAnything) {
  const QuantArgs args =
      parse_quant_args({"--model_path", "my @~ \xE6\xA8\xA1\xE5\x9E\x8B", "--save_path", "a=b +c"});
  EXPECT_EQ(args.model_path, "my @~ \xE6\xA8\xA1\xE5\x9E\x8B");
  EXPECT_EQ(args.save_path, "a=b +c");
}

TEST(QuantArgs, MissingAndContradictingOptions) {
  EXPECT_THAT(error_of({"--save_path", "S"}), HasSubstr("no model folder"));
  EXPECT_THAT(error_of({"M"}), HasSubstr("no folder for the result"));
  EXPECT_THAT(error_of({"M", "--save_path"}), HasSubstr("--save_path"));
  EXPECT_THAT(error_of({"M", "--save_path", "S", "--quant_type", "w8a8", "--config_path", "f"}),
              HasSubstr("cannot be given together"));
}

TEST(QuantArgs, WrongOptionsNameTheNearest) {
  EXPECT_THAT(error_of({"M", "--threds", "3"}), HasSubstr("did you mean --threads?"));
  EXPECT_THAT(error_of({"M", "--calib", "3"}),
              HasSubstr("ambiguous: it could be --calib_dataset or --calib_samples"));
  EXPECT_THAT(error_of({"M", "--save_path", "S", "-x"}), HasSubstr("-x"));
}

TEST(QuantArgs, WrongValues) {
  const auto with = [](const char* option, const char* value) {
    return error_of({"M", "--save_path", "S", option, value});
  };
  EXPECT_THAT(with("--threads", "0"), HasSubstr("--threads"));
  EXPECT_THAT(with("--threads", "four"), HasSubstr("--threads"));
  EXPECT_THAT(with("--calib_samples", "0"), HasSubstr("--calib_samples"));
  EXPECT_THAT(with("--calib_tokens", "-3"), HasSubstr("--calib_tokens"));
  EXPECT_THAT(with("--seed", "-1"), HasSubstr("--seed"));
  EXPECT_THAT(with("--quant_type", "w9a9"), HasSubstr("'w9a9' is not a quantization type"));
  EXPECT_THAT(with("--device", "cuda"), HasSubstr("unknown device type 'cuda'"));
  EXPECT_THAT(with("--trust_remote_code", "maybe"), HasSubstr("neither True nor False"));
}

TEST(QuantArgs, ProofOfTheResult) {
  EXPECT_EQ(parse({}).verify, Verify::kQuick);
  EXPECT_EQ(parse({"--verify", "full"}).verify, Verify::kFull);
  EXPECT_EQ(parse({"--verify", "none"}).verify, Verify::kNone);
  EXPECT_EQ(parse({"--max-kl", "0.02"}).max_kl, 0.02);
  EXPECT_THAT(error_of({"M", "--save_path", "S", "--verify", "maybe"}),
              HasSubstr("--verify 'maybe' is unknown"));
  EXPECT_THAT(error_of({"M", "--save_path", "S", "--max_kl", "-1"}), HasSubstr("--max_kl"));
  EXPECT_THROW(parse({"--verify", "none", "--max_kl", "1"}), UsageError);
}

TEST(QuantArgs, QuantTypeInCapitals) {
  EXPECT_EQ(parse({"--quant_type", "W8A16"}).quant_type->name, "w8a16");
}

TEST(QuantArgs, HelpNeedsNothingElse) {
  EXPECT_TRUE(parse_quant_args({"-h"}).help);
  EXPECT_TRUE(parse_quant_args({"--help"}).help);
  EXPECT_TRUE(parse_quant_args({"M", "--hel"}).help);
  const std::string help = quant_help();
  for (const char* part : {"--model_path", "--quant_type", "w4a8c8", "Examples:", "Exit codes:",
                           "npu[:i,j]", "--exclude", "MSMODELSLIM_LOG_LEVEL"})
    EXPECT_THAT(help, HasSubstr(part));
}

TEST(BoolOption, AcceptsTheUsualWords) {
  for (const char* text : {"True", "true", "1", "yes", "ON"})
    EXPECT_TRUE(parse_bool_option("--x", text)) << text;
  for (const char* text : {"False", "false", "0", "no", "off"})
    EXPECT_FALSE(parse_bool_option("--x", text)) << text;
  EXPECT_THROW(parse_bool_option("--x", ""), UsageError);
}

TEST(LongOptions, WordsBehindADoubleDashStay) {
  EXPECT_THAT(expand_long_options({"--a-b", "--", "--zzz"}, {"a_b"}),
              ElementsAre("--a_b", "--", "--zzz"));
  EXPECT_THAT(expand_long_options({"--ab"}, {"ab", "abc"}), ElementsAre("--ab"));
}

TEST(QuantArgs, SeveralRecipesHaveAFolderEach) {
  const QuantArgs args =
      parse_quant_args({"M", "--config_path", "a.yaml", "b.yaml", "--save_path", "A", "B"});
  const std::vector<QuantArgs> each = each_recipe(args);
  ASSERT_EQ(each.size(), 2U);
  EXPECT_EQ(each[0].save_path, "A");
  EXPECT_EQ(each[0].config_path, "a.yaml");
  EXPECT_EQ(each[1].save_path, "B");
  EXPECT_EQ(each[1].config_path, "b.yaml");
  EXPECT_EQ(each[1].model_path, "M");
  EXPECT_EQ(each_recipe(parse_quant_args({"M", "--save_path", "S"})).size(), 1U);
  const std::vector<QuantArgs> types = each_recipe(
      parse_quant_args({"M", "--save_path", "A", "B", "--quant_type", "w8a8", "w8a16"}));
  EXPECT_EQ(types[1].quant_type->name, "w8a16");
  EXPECT_THAT(error_of({"M", "--save_path", "A", "B"}), HasSubstr("1 recipes and 2 folders"));
  EXPECT_THAT(error_of({"M", "--save_path", "A", "--config_path", "a", "b"}),
              HasSubstr("2 recipes and 1 folders"));
}

TEST(QuantArgs, APlainWordBehindAListIsTheModel) {
  EXPECT_EQ(parse_quant_args({"--config_path", "a", "--save_path", "A", "M"}).model_path, "M");
  EXPECT_EQ(parse_quant_args({"--save_path", "A", "--config_path", "a", "M"}).model_path, "M");
  EXPECT_EQ(parse_quant_args({"--save_path", "A", "--quant_type", "w8a8", "M"}).model_path, "M");
  const QuantArgs args =
      parse_quant_args({"--save_path", "A", "B", "--config_path", "a", "b", "M"});
  EXPECT_EQ(args.model_path, "M");
  EXPECT_EQ(args.others.size(), 1U);
}

TEST(QuantArgs, StatisticsAreTakenOrKept) {
  EXPECT_EQ(parse_quant_args({"M", "--save_path", "S", "--stats_out", "F"}).stats_out, "F");
  EXPECT_EQ(parse_quant_args({"M", "--save_path", "S", "--stats_in", "F"}).stats_in, "F");
  EXPECT_THAT(error_of({"M", "--save_path", "S", "--stats_in", "F", "--stats_out", "G"}),
              HasSubstr("--stats_in and --stats_out"));
}

}  // namespace
}  // namespace msmodelslim
