#include "advise/mix.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "advise/mix_model.h"
#include "advise/tune_mix.h"
#include "checkpoint/source.h"
#include "model/build.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

// Parts of one weight each.
std::vector<MixPart> parts_with(const std::vector<std::vector<double>>& losses) {
  const std::vector<double> bits = {4, 8, 16};
  const std::vector<std::string> types = {"w4a8", "w8a8", "float"};
  std::vector<MixPart> parts;
  for (const auto& of_part : losses) {
    MixPart part{fmt::format("p{}", parts.size()), 1, {}};
    for (std::size_t i = 0; i < of_part.size(); ++i)
      part.options.push_back({types[i], bits[i], of_part[i]});
    parts.push_back(part);
  }
  return parts;
}

TEST(Mix, GivesBitsToWhatLosesMost) {
  const auto parts = parts_with({{0.1, 0.01}, {0.9, 0.01}, {0.5, 0.01}, {0.2, 0.01}});
  const MixPoint point = mix_for_bits(parts, 6);
  EXPECT_THAT(point.assignment, testing::ElementsAre(0, 1, 1, 0));
  EXPECT_DOUBLE_EQ(point.bits, 6);
  EXPECT_NEAR(point.loss, 0.1 + 0.01 + 0.01 + 0.2, 1e-12);
  EXPECT_THAT(mix_for_bits(parts, 3).assignment, testing::Each(0U));
  EXPECT_THAT(mix_for_bits(parts, 99).assignment, testing::Each(1U));
}

TEST(Mix, StepsOverATypeThatIsNoUse) {
  const auto parts = parts_with({{0.5, 0.49, 0}});
  EXPECT_THAT(mix_for_bits(parts, 16).assignment, testing::ElementsAre(2));
}

TEST(Mix, ThePathIsConvex) {
  std::mt19937 generator(3);
  std::uniform_real_distribution<double> loss(0, 1);
  std::vector<std::vector<double>> losses;
  for (int i = 0; i < 40; ++i) {
    const double most = loss(generator);
    losses.push_back({most, most * most * 0.1, 0});
  }
  const std::vector<MixPoint> path = mix_path(parts_with(losses));
  double slope = 1e9;
  for (std::size_t i = 1; i < path.size(); ++i) {
    EXPECT_GT(path[i].bits, path[i - 1].bits);
    const double next = (path[i - 1].loss - path[i].loss) / (path[i].bits - path[i - 1].bits);
    EXPECT_LE(next, slope * (1 + 1e-9));
    slope = next;
  }
  EXPECT_NEAR(path.back().loss, 0, 1e-12);
}

const std::string& small_model() {
  static const std::string path = golden_dir() + "/models/qwen3";
  return path;
}

ModelSpec small_spec() {
  return build_model_spec(ModelConfig::read(small_model()), open_source(small_model()));
}

std::vector<MixPart> small_parts(const std::vector<std::string>& types) {
  std::mt19937 generator(5);
  std::uniform_int_distribution<std::int32_t> token(0, 300);
  std::vector<std::vector<std::int32_t>> samples(4, std::vector<std::int32_t>(32));
  for (auto& sample : samples)
    for (std::int32_t& id : sample) id = token(generator);
  return measure_parts({small_model(), "qwen3", samples, samples, types, false});
}

TEST(MixModel, MeasuresFusedPartsBehindSuppression) {
  const std::vector<MixPart> parts = small_parts({"float", "w8a8", "w4a8"});
  ASSERT_EQ(parts.size(), 8U);  // 2 blocks of qkv, o, gate_up, down
  for (const MixPart& part : parts) {
    ASSERT_EQ(part.options.size(), 3U);
    EXPECT_EQ(part.options[0].type, "w4a8");
    EXPECT_EQ(part.options[2].type, "float");
    EXPECT_GT(part.options[0].loss, part.options[1].loss);
    EXPECT_GT(part.options[1].loss, 0);
    EXPECT_EQ(part.options[2].loss, 0);
    EXPECT_LT(part.options[0].bits, part.options[1].bits);
  }
}

TEST(MixModel, MakesARecipeOfAnAssignment) {
  const std::vector<MixPart> parts = small_parts({"w4a8", "w8a8"});
  Assignment assignment(parts.size(), 1);
  assignment[0] = 0;
  const Recipe recipe = mix_recipe(small_spec(), parts, assignment);
  const Plan plan = make_plan(recipe);
  std::vector<std::string> fours;
  for (const Step& step : plan.steps)
    if (const auto* linear = std::get_if<LinearQuantStep>(&step.value);
        linear != nullptr && linear->type == "W4A8_DYNAMIC")
      fours = linear->filter.include();
  EXPECT_THAT(fours, testing::UnorderedElementsAre("model.layers.0.self_attn.q_proj",
                                                   "model.layers.0.self_attn.k_proj",
                                                   "model.layers.0.self_attn.v_proj"));
}

MixTrial simulated(const Recipe& recipe) {
  double kl = 0;
  for (const Step& step : make_plan(recipe).steps)
    if (const auto* linear = std::get_if<LinearQuantStep>(&step.value))
      kl += (linear->type == "W4A8_DYNAMIC" ? 0.1 : 0.001) *
            static_cast<double>(linear->filter.include().size());
  return {"x", 0, 0, kl, 1};
}

TEST(MixSearch, ForBitsTriesTheEndsToo) {
  MixTable table;
  table.parts = small_parts({"w4a8", "w8a8"});
  const SearchResult result = search_mix(small_spec(), {6.0, {}, {}}, simulated, &table);
  EXPECT_TRUE(result.satisfied);
  ASSERT_EQ(table.trials.size(), 3U);
  EXPECT_LT(table.trials[1].bits, 6);
  EXPECT_GT(table.trials[1].bits, 5);
  EXPECT_GT(table.trials[0].kl, table.trials[1].kl);
  EXPECT_GT(table.trials[1].kl, table.trials[2].kl);
}

TEST(MixSearch, ForKlFindsTheFewestBits) {
  MixTable table;
  table.parts = small_parts({"w4a8", "w8a8"});
  const SearchResult result = search_mix(small_spec(), {{}, 0.35, {}}, simulated, &table);
  EXPECT_TRUE(result.satisfied);
  EXPECT_LE(simulated(result.recipe).kl, 0.35);
  EXPECT_GT(simulated(result.recipe).kl, 0.05);
  EXPECT_FALSE(search_mix(small_spec(), {{}, 1e-5, {}}, simulated, &table).satisfied);
}

}  // namespace
}  // namespace msmodelslim
