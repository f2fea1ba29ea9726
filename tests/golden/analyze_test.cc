// The rankings that the Python tool logged. mse_layer_wise is not among them: its float output is
// damaged there (docs/differences.md).
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "advise/alone_scores.h"
#include "advise/linear_scores.h"
#include "advise/probe.h"
#include "shared_data.h"
#include "text/dataset.h"

namespace msmodelslim {
namespace {

constexpr double kTolerance = 1e-3;

std::vector<std::vector<std::int32_t>> calib8(const std::string& model) {
  return tokenize_calib_set(read_calib_set(shared_dir() + "/golden/calib/calib8.jsonl"),
                            Tokenizer::load(model), {});
}

struct Golden {
  std::vector<LayerScore> scores;
  std::string pasted;  // the lines without the log's prefix
  std::string logged;
};

Golden read_golden(const std::string& file) {
  Golden golden;
  std::ifstream in(shared_dir() + "/golden/analyze/" + file);
  std::string line;
  std::getline(in, line);  // the command
  while (std::getline(in, line)) {
    const std::string prefix = "INFO - ";
    if (!line.starts_with(prefix)) {
      golden.pasted += line + "\n";
      continue;
    }
    line.erase(0, prefix.size());
    if (line.starts_with("===========")) continue;
    golden.logged += line + "\n";
    const std::size_t score = line.find("| Score:");
    if (score == std::string::npos) continue;
    std::istringstream words(line);
    std::string rank;
    LayerScore layer;
    words >> rank >> layer.name;
    layer.score = std::stod(line.substr(score + 8));
    golden.scores.push_back(layer);
  }
  return golden;
}

// The scores are those of the log, and so is the text but for the last digits.
void expect_golden(std::vector<LayerScore> scores, std::size_t topk, const std::string& method,
                   const std::vector<std::string>& patterns, bool blocks, const Golden& golden) {
  sort_scores(&scores);
  ASSERT_EQ(scores.size(), golden.scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EXPECT_EQ(scores[i].name, golden.scores[i].name);
    EXPECT_NEAR(scores[i].score, golden.scores[i].score, kTolerance * golden.scores[i].score);
    scores[i].score = golden.scores[i].score;
  }
  std::string logged;
  std::string pasted;
  print_ranking(
      scores, topk, method, patterns, blocks,
      [&](const std::string& line) { logged += line + "\n"; },
      [&](const std::string& line) { pasted += line + "\n"; });
  EXPECT_EQ(logged, golden.logged);
  EXPECT_EQ(pasted, golden.pasted);
}

class AnalyzeGolden : public testing::Test {
 protected:
  void linear(const std::string& file, ActivationMetric metric, const std::string& method,
              std::size_t topk, const std::vector<std::string>& patterns) {
    expect_golden(score_linears(model_, calib8(model_), metric, patterns, true), topk, method,
                  patterns, false, read_golden(file));
  }
  const std::string model_ = golden_dir() + "/models/qwen3";
};

TEST_F(AnalyzeGolden, Std) {
  REQUIRE_SHARED("golden/analyze");
  linear("qwen3-linear-std.txt", ActivationMetric::kStd, "std", 15, {"*"});
}

TEST_F(AnalyzeGolden, Quantile) {
  REQUIRE_SHARED("golden/analyze");
  linear("qwen3-linear-quantile.txt", ActivationMetric::kQuantile, "quantile", 4, {"*mlp*"});
}

TEST_F(AnalyzeGolden, Kurtosis) {
  REQUIRE_SHARED("golden/analyze");
  linear("qwen3-linear-kurtosis.txt", ActivationMetric::kKurtosis, "kurtosis", 15, {"*"});
}

TEST_F(AnalyzeGolden, MseModelWise) {
  REQUIRE_SHARED("golden/analyze");
  const LayerOptions options{model_, calib8(model_), probe_step(quant_kind("mxfp4"), {"*"}), true};
  expect_golden(score_layers_alone(options, Loss::kMse), 15, "mse_model_wise", {"*"}, true,
                read_golden("qwen3-layer-mse_model_wise.txt"));
}

}  // namespace
}  // namespace msmodelslim
