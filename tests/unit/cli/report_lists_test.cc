#include "cli/report_lists.h"

#include <gmock/gmock.h>

#include "shared_data.h"

namespace msmodelslim {
namespace {

std::vector<LinearNote> expert_notes(int layers, int experts) {
  std::vector<LinearNote> notes;
  for (int l = 0; l < layers; ++l) {
    notes.push_back({fmt::format("l.{}.q", l), "W8A8", WeightError{40, 0.99}});
    for (int e = 0; e < experts; ++e)
      notes.push_back({fmt::format("l.{}.experts.{}.up", l, e), e == 1 ? "FLOAT" : "W8A8", {}});
    notes.back().error = WeightError{20, 0.9};
    notes[notes.size() - 3].error = WeightError{30, 0.8};
  }
  return notes;
}

TEST(ReportLists, FewLinearsStayAsTheyAre) {
  const Json linears = linears_json(expert_notes(1, 4));
  ASSERT_EQ(linears.size(), 5U);
  EXPECT_EQ(linears[4]["name"], "l.0.experts.3.up");
  EXPECT_EQ(linears[4]["snr_db"], 20);
  EXPECT_TRUE(linears[1]["snr_db"].is_null());
  EXPECT_FALSE(linears[4].contains("linears"));
}

TEST(ReportLists, ManyExpertsAreJoinedByLayerAndType) {
  const Json linears = linears_json(expert_notes(300, 2000));
  ASSERT_EQ(linears.size(), 900U);
  EXPECT_LT(linears.dump(2).size(), 400'000U);
  EXPECT_EQ(linears[0]["name"], "l.0.q");
  EXPECT_EQ(linears[1]["name"], "l.0.experts.*.up");
  EXPECT_EQ(linears[1]["linears"], 1999);
  EXPECT_EQ(linears[1]["snr_db"], 25);
  EXPECT_DOUBLE_EQ(linears[1]["cosine"], 0.85);
  EXPECT_EQ(linears[1]["least_snr_db"], 20);
  EXPECT_EQ(linears[1]["least"], "l.0.experts.1999.up");
  EXPECT_EQ(linears[2]["type"], "FLOAT");  // the only one of its type keeps its name
  EXPECT_EQ(linears[2]["name"], "l.0.experts.1.up");
}

ModelSpec expert_model(std::size_t layers, std::size_t experts) {
  ModelSpec model;
  for (std::size_t l = 0; l < layers; ++l) {
    model.blocks.emplace_back();
    model.blocks.back().moe.emplace();
    model.blocks.back().moe->name = fmt::format("l.{}.mlp", l);
    model.blocks.back().moe->experts.resize(experts);
  }
  return model;
}

TEST(ReportLists, FewExpertsAreShownOneByOne) {
  const Json rows = experts_json({3, 0, 5, 0, 0, 1}, expert_model(2, 3));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["tokens"], Json({3, 0, 5}));
  EXPECT_EQ(rows[0]["without"], 1);
  EXPECT_EQ(rows[1]["without"], 2);
  EXPECT_EQ(rows[1]["per_cell"], 1);
}

TEST(ReportLists, ManyExpertsShareACell) {
  std::vector<std::int64_t> tokens(100 * 1000, 4);
  tokens[0] = 0;  // of the 7 experts of the first cell
  const Json rows = experts_json(tokens, expert_model(100, 1000));
  ASSERT_EQ(rows.size(), 100U);
  EXPECT_EQ(rows[0]["per_cell"], 7);
  EXPECT_EQ(rows[0]["experts"], 1000);
  EXPECT_EQ(rows[0]["tokens"].size(), 143U);
  EXPECT_EQ(rows[0]["tokens"][0], 3);  // 24 / 7
  EXPECT_EQ(rows[0]["tokens"][142], 4);
  EXPECT_EQ(rows[0]["without"], 1);
}

TEST(ReportLists, WorstTokensStandInTheirText) {
  QuantJob job;
  job.model_path = golden_dir() + "/models/qwen2";
  job.held_out.resize(1);
  for (std::int32_t id = 0; id < 60; ++id) job.held_out[0].push_back(id);
  HeldOutProof proof;
  proof.worst = {{0, 1, 2.5, 0.5, 0.25}, {0, 59, 2, 0.5, 0.25}};
  const Json worst = worst_json(proof, job);
  ASSERT_EQ(worst.size(), 2U);
  EXPECT_EQ(worst[0]["token"], 1);
  EXPECT_EQ(worst[0]["kl"], 2.5);
  EXPECT_FALSE(worst[0]["text"].get<std::string>().empty());
  EXPECT_FALSE(worst[1]["before"].get<std::string>().empty());
  EXPECT_EQ(worst[1]["after"], "");
  job.model_path = temp_path("no_tokenizer");
  EXPECT_TRUE(worst_json(proof, job)[0]["text"].is_null());
}

}  // namespace
}  // namespace msmodelslim
