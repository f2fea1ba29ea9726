// The command as users type it, from words to the folder.
#include "cli/quant_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "cli/eval_command.h"
#include "cli/generate_command.h"
#include "eval/perplexity.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class QuantCommand : public testing::Test {
 protected:
  void SetUp() override { out_ = temp_path("quant 命令 @~"); }
  void TearDown() override { fs::remove_all(out_); }

  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& item : fs::directory_iterator(out_))
      names.insert(item.path().filename().string());
    return names;
  }

  std::string model_ = golden_dir() + "/models/qwen2";
  std::string out_;
};

TEST_F(QuantCommand, V0RecipeGivesTheQuickStartsTree) {
  const std::string recipe = golden_dir() + "/cases/qwen2-v0-w8a8-minmax/recipe.yaml";
  EXPECT_EQ(
      run_quant({"--model_path", model_, "--save_path", out_, "--device", "npu:0,1", "--model_type",
                 "Qwen2.5-7B-Instruct", "--config_path", recipe, "--trust_remote_code", "True",
                 "--calib_dataset", "boolq.jsonl", "--calib_samples", "2", "--quiet"}),
      0);
  EXPECT_THAT(files(),
              testing::IsSupersetOf({"Qwen2.5-7B-Instruct_best_practice.yaml", "config.json",
                                     "generation_config.json", "quant_model_description.json",
                                     "quant_model_weight_w8a8.safetensors", "tokenizer.json",
                                     "tokenizer_config.json"}));
}

TEST_F(QuantCommand, GenericRecipeAndEvaluationByTheShortestWords) {
  EXPECT_EQ(run_quant({model_, "--save-path=" + out_, "--quant_t", "W8A16", "--yes", "--quiet"}),
            0);
  EXPECT_THAT(files(), testing::IsSupersetOf({"quant_model_weights-00001-of-00001.safetensors",
                                              "quant_model_weights.safetensors.index.json"}));
  EXPECT_EQ(run_eval({"ppl", "--model_path", out_, "--float_path", model_, "--text",
                      model_ + "/config.json", "--seqlen", "64"}),
            0);
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_eval({"ppl", "--model_path", out_, model_, "--text", model_ + "/config.json",
                      "--seqlen", "64"}),
            0);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_LT(printed.find(out_ + "\n"), printed.find("\n" + model_ + "\n"));
  // The same folder again: refused, then replaced.
  EXPECT_THROW(run_quant({model_, "--save_path", out_, "--quant_type", "w8a16", "--yes"}),
               UsageError);
  EXPECT_EQ(run_quant({model_, "--save_path", out_, "--quant_type", "w8a16", "--yes", "--quiet",
                       "--overwrite"}),
            0);
}

TEST_F(QuantCommand, TheResultAnswers) {
  EXPECT_EQ(run_quant({model_, "--save_path", out_, "--quant_type", "w8a8", "--yes", "--quiet",
                       "--calib_dataset", "boolq.jsonl", "--calib_samples", "1"}),
            0);
  const auto generate = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {out_, "--temperature", "0", "--max_tokens", "4", "--ignore_eos"});
    return run_generate(words);
  };
  const auto answer = [&](const std::vector<std::string>& words) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(generate(words), 0);
    return testing::internal::GetCapturedStdout();
  };
  const std::string alone = answer({"--prompt", "Hello, my name is"});
  EXPECT_GT(alone.size(), 1U);
  const std::string both = answer({"--prompt", "Hello, my name is", "--prompt", "it's"});
  EXPECT_THAT(both, testing::HasSubstr("Prompt: 'Hello, my name is', Generated text: "));
  EXPECT_THAT(both, testing::HasSubstr("\nPrompt: \"it's\", Generated text: "));
  const Json json = Json::parse(answer({"--prompt", "Hello, my name is", "--json"}));
  EXPECT_EQ(json["text"].get<std::string>() + "\n", alone);
  EXPECT_EQ(json["finish_reason"], "length");
  EXPECT_EQ(json["token_ids"].size(), 4U);
  const std::string file = temp_path("prompts") + ".jsonl";
  std::ofstream(file) << "{\"prompt\": \"Hello, my name is\"}\n\n{\"text\": 1}\n";
  EXPECT_THROW(generate({"--prompts_file", file}), DataError);
  std::ofstream(file) << "{\"prompt\": \"Hello, my name is\"}\n";
  EXPECT_EQ(answer({"--prompts_file", file}), alone);
  fs::remove(file);
  EXPECT_THROW(generate({"--prompt", "x", "--top_p", "3"}), UsageError);
  EXPECT_THROW(generate({"--prompt", "x", "--beams", "3"}), UsageError);
}

TEST_F(QuantCommand, DebugKeepsWhatSmoothingChose) {
  EXPECT_EQ(run_quant({model_, "--save_path", out_, "--quant_type", "w8a8", "--yes", "--quiet",
                       "--calib_samples", "2", "--debug"}),
            0);
  const Json records = read_json_file(out_ + "/debug_info/debug_info.json").at("iter_smooth");
  ASSERT_EQ(records.size(), 4U);  // two norms in each of two blocks
  EXPECT_EQ(records[0].at("target"), "model.layers.0.self_attn.k_proj");
  EXPECT_EQ(records[0].at("subgraph"), "norm-linear");
  const SafetensorsFile tensors(out_ + "/debug_info/debug_info.safetensors");
  ASSERT_EQ(tensors.entries().size(), records.size());
  for (const Json& record : records) {
    const auto& entries = tensors.entries();
    EXPECT_TRUE(std::any_of(entries.begin(), entries.end(), [&](const SafetensorsEntry& entry) {
      return entry.name == record.at("scales").at("key").get<std::string>() &&
             entry.shape == Shape{64};
    }));
  }
}

TEST_F(QuantCommand, GptqInGroupsIsWrittenAndEvaluated) {
  for (const char* act : {"{dtype: int8, scope: per_token, symmetric: true, method: minmax}",
                          "{dtype: float, scope: per_tensor, symmetric: true, method: none}"}) {
    const std::string recipe = out_ + ".yaml";
    std::ofstream(recipe)
        << "apiversion: modelslim_v1\nspec:\n  process:\n    - type: linear_quant\n"
           "      qconfig:\n        act: "
        << act
        << "\n        weight: {dtype: int8, scope: per_group, symmetric: false, "
           "method: gptq, ext: {group_size: 32}}\n"
           "  save: [{type: ascendv1_saver}]\n  dataset: boolq.jsonl\n";
    EXPECT_EQ(run_quant({model_, "--save_path", out_, "--config_path", recipe, "--calib_samples",
                         "2", "--quiet", "--overwrite"}),
              0);
    fs::remove(recipe);
    PerplexityOptions options{{out_}, model_, 64, 0};
    std::vector<std::int32_t> ids(128);
    std::iota(ids.begin(), ids.end(), 10);
    EXPECT_LT(evaluate_perplexity(options, ids).front().kl->mean, 0.01) << act;
  }
}

TEST_F(QuantCommand, WrongWordsAreUsageErrors) {
  EXPECT_THROW(run_quant({"--model_path", model_}), UsageError);
  EXPECT_THROW(run_quant({model_, "--save_path", out_, "--device", "cuda"}), UsageError);
  EXPECT_THROW(run_quant({model_, "--save_path", out_, "--quant_type", "w9a9"}), UsageError);
  EXPECT_THROW(run_quant({model_, "--save_path", out_, "--quant_type", "w8a8", "--yes",
                          "--calib_dataset", "no_such_set"}),
               UsageError);
  EXPECT_THROW(run_eval({"bleu"}), UsageError);
  EXPECT_FALSE(fs::exists(out_));
}

// The weights of each folder, whose report says whose passes were used.
TEST_F(QuantCommand, SeveralRecipesGiveTheFoldersOfEach) {
  fs::create_directories(out_);
  const std::string other = out_ + "/other.yaml";
  write_file_atomic(other, R"(
apiversion: modelslim_v1
metadata: {config_id: other}
spec:
  process:
    - {type: iter_smooth, include: ['*'], alpha: 0.5}
    - type: linear_quant
      qconfig:
        act: {scope: per_token, dtype: int8, symmetric: true, method: minmax}
        weight: {scope: per_channel, dtype: int4, symmetric: true, method: minmax}
  save: [{type: ascendv1_saver}]
)");
  const std::vector<std::string> common = {
      model_, "--calib_dataset", "boolq.jsonl", "--calib_samples", "2", "--quiet", "--yes"};
  const auto quantize = [&](std::vector<std::string> words) {
    words.insert(words.begin(), common.begin(), common.end());
    return run_quant(words);
  };
  EXPECT_EQ(quantize({"--config_path", "default-w8a8", other, "--save_path", out_ + "/a",
                      out_ + "/b", "--stats_out", out_ + "/statistics"}),
            0);
  EXPECT_EQ(quantize({"--config_path", "default-w8a8", "--save_path", out_ + "/c"}), 0);
  EXPECT_EQ(quantize({"--config_path", other, "--save_path", out_ + "/d"}), 0);
  EXPECT_EQ(quantize({"--config_path", other, "--save_path", out_ + "/e", "--stats_in",
                      out_ + "/statistics"}),
            0);
  const auto report = [&](const char* folder) {
    return read_json_file(out_ + "/" + folder + "/quant_report.json");
  };
  EXPECT_EQ(report("a").at("output").at("tensors_xxh3_128"),
            report("c").at("output").at("tensors_xxh3_128"));
  for (const char* folder : {"b", "e"}) {
    EXPECT_EQ(report(folder).at("output").at("tensors_xxh3_128"),
              report("d").at("output").at("tensors_xxh3_128"));
    EXPECT_EQ(report(folder).at("proof"), report("d").at("proof"));
  }
  EXPECT_EQ(report("a").at("passes"), "own");
  EXPECT_EQ(report("b").at("passes"), "of default-w8a8");
  EXPECT_EQ(report("e").at("passes"), "of " + out_ + "/statistics");
}

TEST_F(QuantCommand, AProblemOfOneRecipeStopsAllAndIsNamed) {
  const auto error_of = [&](std::vector<std::string> words) -> std::string {
    words.insert(words.begin(), {model_, "--quiet", "--yes", "--calib_samples", "1"});
    try {
      run_quant(words);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  fs::create_directories(out_ + "/full");
  write_file_atomic(out_ + "/full/x", "x");
  EXPECT_THAT(error_of({"--config_path", "default-w8a8", "default-w8a16", "--save_path",
                        out_ + "/a", out_ + "/full"}),
              testing::AllOf(testing::HasSubstr("recipe default-w8a16"),
                             testing::HasSubstr("is not empty")));
  EXPECT_THAT(
      error_of({"--quant_type", "w8a8", "w8a16", "--save_path", out_ + "/a", out_ + "/a/b"}),
      testing::HasSubstr("lies in"));
  EXPECT_FALSE(fs::exists(out_ + "/a"));
}

TEST_F(QuantCommand, ADryRunOfSeveralAddsUpAndSaysWhatIsShared) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_quant({model_, "--quant_type", "w8a8", "w8a16", "w8a8", "--save_path", out_ + "/a",
                       out_ + "/b", out_ + "/c", "--calib_samples", "2", "--quiet", "--yes",
                       "--dry_run", "--json"}),
            0);
  const Json three = Json::parse(testing::internal::GetCapturedStdout());
  ASSERT_EQ(three.at("recipes").size(), 3U);
  EXPECT_EQ(three["recipes"][0].at("passes"), "own");
  EXPECT_EQ(three["recipes"][1].at("passes"), "none, it needs no data");
  EXPECT_EQ(three["recipes"][2].at("passes"), "of default-w8a8");
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_quant({model_, "--quant_type", "w8a8", "--save_path", out_ + "/a",
                       "--calib_samples", "2", "--quiet", "--yes", "--dry_run", "--json"}),
            0);
  const Json one = Json::parse(testing::internal::GetCapturedStdout());
  EXPECT_EQ(three.at("flop"), one.at("flop"));
  EXPECT_GT(three.at("memory").at("parts").at("statistics for others").get<int>(), 0);
  EXPECT_EQ(one.at("memory").at("parts").count("statistics for others"), 0U);
}

}  // namespace
}  // namespace msmodelslim
