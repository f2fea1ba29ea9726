// What `inspect`, `diff` and the report of `quant` tell about folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "cli/diff_attribution.h"
#include "cli/diff_command.h"
#include "cli/inspect_command.h"
#include "cli/quant_command.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;
using testing::Not;

class LookCommands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = temp_path("look");
    quant("a", {"--quant_type", "w8a8", "--calib_dataset", "boolq.jsonl", "--calib_samples", "2",
                "--max_kl", "100", "--sha256"});
    quant("b", {"--quant_type", "w8a8", "--calib_dataset", "boolq.jsonl", "--calib_samples", "2",
                "--exclude", "*.0.mlp.down_proj", "--verify", "none"});
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }
  static void quant(const std::string& name, std::vector<std::string> words) {
    for (const char* word : {"--yes", "--quiet", "--save_path"}) words.emplace_back(word);
    words.push_back(folder_ + "/" + name);
    words.push_back("--model_path");
    words.push_back(golden_dir() + "/models/qwen2");
    ASSERT_EQ(run_quant(words), 0);
  }
  static std::string a() { return folder_ + "/a"; }
  static std::string b() { return folder_ + "/b"; }

  template <typename Body>
  std::string printed(const Body& body, int code = 0) {
    testing::internal::CaptureStdout();
    const int got = body();
    std::string text = testing::internal::GetCapturedStdout();
    EXPECT_EQ(got, code);
    return text;
  }

  static std::string folder_;
};
std::string LookCommands::folder_;

TEST_F(LookCommands, InspectPutsLayersTogether) {
  const std::string text = printed([] { return run_inspect({a()}); });
  EXPECT_THAT(text, HasSubstr("model.layers.*.mlp.down_proj.weight"));
  EXPECT_THAT(text, HasSubstr("W8A8_DYNAMIC"));
  EXPECT_THAT(text, Not(HasSubstr("layers.0.")));
  EXPECT_THAT(printed([] {
                return run_inspect({a(), "--all"});
              }),
              HasSubstr("model.layers.0.mlp.down_proj.weight_scale"));
  const Json json = parse_json(printed([] { return run_inspect({a(), "--json"}); }), "output");
  EXPECT_GT(json["tensors"].get<int>(), 10);
}

TEST_F(LookCommands, InspectShowsValues) {
  const std::string text = printed([] {
    return run_inspect({a(), "model.layers.0.mlp.down_proj.weight"});
  });
  EXPECT_THAT(text, HasSubstr("max 127"));
  EXPECT_THAT(text, Not(HasSubstr("weight_scale")));
  EXPECT_THROW(run_inspect({a(), "*.9.*"}), UsageError);
  EXPECT_THROW(run_inspect({}), UsageError);
}

TEST_F(LookCommands, DiffFindsWhatDiffers) {
  EXPECT_THAT(printed([] { return run_diff({a(), a()}); }), HasSubstr("tensors are equal"));
  const std::string text = printed([] { return run_diff({a(), b()}); }, 1);
  EXPECT_THAT(text, HasSubstr("model.layers.0.mlp.down_proj.weight_scale  only in A"));
  EXPECT_THAT(text, HasSubstr("model.layers.0.mlp.down_proj.weight  I8["));
  EXPECT_THAT(text, HasSubstr("description: model.layers.0.mlp.down_proj.weight  "
                              "\"W8A8_DYNAMIC\" and \"FLOAT\""));
  EXPECT_THROW(run_diff({a()}), UsageError);
  const Json json = parse_json(printed([] { return run_diff({a(), b(), "--json"}); }, 1), "output");
  EXPECT_FALSE(json["tensors"].empty());
}

TEST_F(LookCommands, DiffTellsWhereAFolderLosesMore) {
  const std::vector<std::string> words = {
      a(), b(), "--float_path", golden_dir() + "/models/qwen2", "--seqlen", "64", "--windows", "1"};
  EXPECT_THAT(printed([&] { return run_diff(words); }, 1),
              HasSubstr("| block | error of A | error of B |"));
  std::vector<std::string> as_json = words;
  as_json.emplace_back("--json");
  const Json json =
      parse_json(printed([&] { return run_diff(as_json); }, 1), "output")["attribution"];
  EXPECT_EQ(json["blocks"].size(), 2U);
  EXPECT_GT(json["a"]["kl"]["mean"].get<double>(), 0);
  // B keeps the down_proj of block 0.
  EXPECT_GT(json["a"]["block_errors"][0].get<double>(), json["b"]["block_errors"][0].get<double>());
}

TEST(Attribution, GrowthIsWhatArisesInABlock) {
  Attribution attribution;
  attribution.a.errors = {0.1, 0.2, 0.4};
  attribution.b.errors = {0.1, 0.5, 0.6};
  EXPECT_THAT(attribution.growth_difference(),
              testing::Pointwise(testing::DoubleNear(1e-12), {0.0, 0.3, -0.1}));
  attribution.b.errors.clear();
  EXPECT_TRUE(attribution.growth_difference().empty());
}

class DryRun : public LookCommands, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Types, DryRun,
                         testing::Values("w8a8", "w8a16", "w4a8", "w16a16s",
                                         "w8a8 --save_format compressed_tensors"));

TEST_P(DryRun, KnowsTheSizeAndMakesNothing) {
  std::vector<std::string> words = {"--quant_type"};
  std::istringstream given(GetParam());
  for (std::string word; given >> word;) words.push_back(word);
  for (const char* word : {"--calib_dataset", "boolq.jsonl", "--calib_samples", "2"})
    words.emplace_back(word);
  quant("c", words);
  const std::uint64_t written = read_json_file(folder_ + "/c/quant_report.json")["output"]["bytes"];
  fs::remove_all(folder_ + "/c");
  for (const std::string& word :
       {std::string("--yes"), std::string("--quiet"), std::string("--dry_run"),
        std::string("--json"), std::string("--save_path"), folder_ + "/c",
        golden_dir() + "/models/qwen2"})
    words.push_back(word);
  const Json json = parse_json(printed([&] { return run_quant(words); }), "output");
  EXPECT_FALSE(fs::exists(folder_ + "/c"));
  EXPECT_TRUE(json["problems"].empty());
  EXPECT_NEAR(json["bytes_after"].get<double>() / static_cast<double>(written), 1, 0.01);
}

TEST_F(LookCommands, DryRunNamesEveryProblem) {
  const std::string text = printed(
      [] {
        return run_quant({golden_dir() + "/models/qwen2", "--save_path", a(), "--quant_type",
                          "w8a8", "--yes", "--quiet", "--dry_run", "--calib_dataset",
                          "no_such_set.jsonl"});
      },
      2);
  EXPECT_THAT(text, HasSubstr("is not empty"));
  EXPECT_THAT(text, HasSubstr("no_such_set.jsonl"));
  EXPECT_THAT(text, HasSubstr("would stop"));
  EXPECT_THAT(text, HasSubstr("model.layers.*.mlp.down_proj.weight"));
}

TEST_F(LookCommands, ReportSaysHowGoodTheResultIs) {
  const Json report = read_json_file(a() + "/quant_report.json");
  EXPECT_EQ(report["recipe"]["config_id"], "default-w8a8");
  EXPECT_GT(report["proof"]["kl"].get<double>(), 0);
  EXPECT_FALSE(report["proof"]["block_errors"].empty());
  EXPECT_EQ(report["linears"].size() + 1, report["linears_total"].get<std::size_t>());
  EXPECT_GT(report["linears"][0]["snr_db"].get<double>(), 25);
  EXPECT_GT(report["linears"][0]["cosine"].get<double>(), 0.99);
  EXPECT_FALSE(report["time"]["blocks"].empty());
  const Json other = read_json_file(b() + "/quant_report.json");
  EXPECT_TRUE(other["proof"].is_null());
  EXPECT_TRUE(other["linears"][0]["snr_db"].is_null());
}

TEST_F(LookCommands, ReportShowsInputsScalesAndWorstTokens) {
  const Json report = read_json_file(a() + "/quant_report.json");
  ASSERT_FALSE(report["inputs"].empty());
  for (const Json& input : report["inputs"]) {
    EXPECT_EQ(input["by"], "iter_smooth");
    EXPECT_LT(input["before"]["min"].get<double>(), input["before"]["max"].get<double>());
    EXPECT_NE(input["before"]["channels"], input["after"]["channels"]);
  }
  std::vector<std::string> kinds;
  for (const Json& scales : report["scales"]) {
    kinds.push_back(scales["kind"]);
    EXPECT_EQ(scales["others"], 0);
  }
  EXPECT_THAT(kinds, testing::IsSupersetOf({"mlp.down_proj", "self_attn.q_proj"}));
  const Json& worst = report["proof"]["worst"];
  ASSERT_GT(worst.size(), 2U);
  EXPECT_GE(worst[0]["kl"].get<double>(), worst[1]["kl"].get<double>());
  EXPECT_GT(worst[0]["kl"].get<double>(), report["proof"]["kl"].get<double>());
  EXPECT_TRUE(worst[0]["text"].is_string());
}

TEST_F(LookCommands, ReportNamesTheFiles) {
  const Json report = read_json_file(a() + "/quant_report.json");
  const Json other = read_json_file(b() + "/quant_report.json");
  EXPECT_EQ(report["output"]["tensors_xxh3_128"].get<std::string>().size(), 32U);
  EXPECT_NE(report["output"]["tensors_xxh3_128"], other["output"]["tensors_xxh3_128"]);
  ASSERT_EQ(report["model"]["files"].size(), 1U);
  const Json& weights = report["model"]["files"][0];
  const std::string path = golden_dir() + "/models/qwen2/model.safetensors";
  EXPECT_EQ(weights["name"], "model.safetensors");
  EXPECT_EQ(weights["bytes"], fs::file_size(path));
  EXPECT_EQ(weights["sha256"], sha256_of_file(path));
  const std::string bytes = read_file(path);
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(weights["header_xxh3_128"],
            hash128_bytes(bytes.data(), static_cast<std::size_t>(8 + header)).text());
  EXPECT_EQ(weights["header_xxh3_128"], other["model"]["files"][0]["header_xxh3_128"]);
  EXPECT_TRUE(other["model"]["files"][0]["sha256"].is_null());
  std::size_t found = 0;
  for (const auto& item : fs::directory_iterator(a())) {
    const std::string name = item.path().filename().string();
    if (!name.starts_with("quant_report")) ++found;
  }
  EXPECT_EQ(report["output"]["files"].size(), found);
  for (const Json& file : report["output"]["files"]) {
    EXPECT_EQ(file["sha256"], sha256_of_file(a() + "/" + file["name"].get<std::string>()));
  }
  for (const Json& file : other["output"]["files"]) EXPECT_TRUE(file["sha256"].is_null());
}

TEST_F(LookCommands, ReportPageHoldsTheReportAndAsksForNothing) {
  const std::string page = read_file(a() + "/quant_report.html");
  const std::string open = R"(<script type="application/json" id="data">)";
  const std::size_t begin = page.find(open) + open.size();
  EXPECT_EQ(parse_json(page.substr(begin, page.find("</script>", begin) - begin), "page"),
            read_json_file(a() + "/quant_report.json"));
  for (const char* request : {"src=", "href=", "fetch(", "import ", "url("})
    EXPECT_THAT(page, Not(HasSubstr(request)));
}

}  // namespace
}  // namespace msmodelslim
