// The strategies against simulated demands.
#include "advise/tune_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "advise/tune_auto.h"
#include "advise/tune_recipe.h"
#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kSpec = R"(
process:
  - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_tensor, symmetric: false, method: minmax}, weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}}, include: ['*'], exclude: ['*.9.mlp*']}
save: [{type: ascendv1_saver}]
)";

Recipe base() { return recipe_of_spec(parse_yaml(kSpec, "test"), "base"); }

std::vector<std::string> excludes(const Recipe& recipe) {
  std::vector<std::string> texts;
  for (const YamlValue& step : recipe.spec.find("process")->items)
    if (const YamlValue* list = step.find("exclude"))
      for (const YamlValue& item : list->items) texts.push_back(item.text);
  return texts;
}

std::size_t level(const Recipe& recipe) { return excludes(recipe).size() - 1; }

bool smooths(const Recipe& recipe) {
  return recipe.spec.find("process")->items.front().find("type")->text != "linear_quant";
}

std::vector<std::string> blocks(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("model.layers." + std::to_string(i));
  return names;
}

StandingHigh strategy(const std::vector<std::string>& anti) {
  StandingHigh result;
  for (const std::string& list : anti) result.anti.push_back(parse_yaml(list, "test"));
  result.base = base();
  return result;
}

struct Simulation {
  std::size_t needed;           // float blocks without smoothing
  std::size_t needed_smoothed;  // and with it
  std::set<std::string> tried;
  Satisfied satisfied() {
    return [this](const Recipe& recipe) {
      tried.insert(dump_yaml(recipe.spec));
      return level(recipe) >= (smooths(recipe) ? needed_smoothed : needed);
    };
  }
};

TEST(StandingHigh, FindsTheFewestBlocks) {
  for (const std::size_t needed : {0U, 1U, 2U, 7U, 10U, 35U, 36U}) {
    Simulation world{needed, 99, {}};
    const SearchResult result = search_standing_high(
        strategy({"[]"}), [] { return blocks(36); }, world.satisfied());
    EXPECT_TRUE(result.satisfied);
    EXPECT_EQ(level(result.recipe), needed);
    EXPECT_LE(world.tried.size(), 12U);
  }
}

TEST(StandingHigh, GoesDownWithTheNextSuppression) {
  Simulation world{10, 3, {}};
  const SearchResult result = search_standing_high(
      strategy({"[]", "[{type: iter_smooth}]"}), [] { return blocks(36); }, world.satisfied());
  EXPECT_TRUE(result.satisfied);
  EXPECT_EQ(level(result.recipe), 3U);
  EXPECT_TRUE(smooths(result.recipe));
}

TEST(StandingHigh, SaysThatADemandCannotBeMet) {
  Simulation world{37, 99, {}};
  EXPECT_FALSE(search_standing_high(
                   strategy({"[]"}), [] { return blocks(36); }, world.satisfied())
                   .satisfied);
  EXPECT_FALSE(search_standing_high(
                   strategy({"[]"}), [] { return blocks(0); }, world.satisfied())
                   .satisfied);
}

TEST(StandingHigh, AsksForTheRankingOnlyWhenNeeded) {
  Simulation world{0, 0, {}};
  search_standing_high(
      strategy({"[]"}), []() -> std::vector<std::string> { throw std::runtime_error("asked"); },
      world.satisfied());
}

TEST(Recipes, KeepTheirOwnExcludes) {
  const Recipe recipe = with_excludes(base(), parse_yaml("[{type: quarot}]", "test"),
                                      {"*model.layers.1.*", "a.9.mlp.b"});
  EXPECT_THAT(excludes(recipe), testing::ElementsAre("*.9.mlp*", "*model.layers.1.*"));
  EXPECT_EQ(recipe.spec.find("process")->items.front().find("type")->text, "quarot");
  EXPECT_THAT(included_patterns(base()), testing::ElementsAre("*"));
}

TEST(BinaryFallback, AddsToTheListAndFindsTheShortestRun) {
  BinaryFallback fallback;
  fallback.base = base();
  fallback.path = {"spec", "process", "0", "exclude"};
  fallback.candidates = {"model.layers.3", "model.layers.1.mlp.down_proj", "*o_proj"};
  const std::vector<std::string> names = {"model.layers.3", "model.layers.3.mlp.down_proj",
                                          "model.layers.1.mlp.down_proj", "x.o_proj"};
  Simulation world{2, 99, {}};
  const SearchResult result = search_binary_fallback(
      fallback, [] { return blocks(0); }, names, world.satisfied());
  EXPECT_TRUE(result.satisfied);
  EXPECT_THAT(excludes(result.recipe), testing::ElementsAre("*.9.mlp*", "*model.layers.3.*",
                                                            "*model.layers.1.mlp.down_proj"));
  world.needed = 4;
  EXPECT_FALSE(search_binary_fallback(
                   fallback, [] { return blocks(0); }, names, world.satisfied())
                   .satisfied);
  fallback.candidates = {"model.layers.8"};
  EXPECT_THROW(search_binary_fallback(
                   fallback, [] { return blocks(0); }, names, world.satisfied()),
               UsageError);
}

TEST(BinaryFallback, NeedsAList) {
  EXPECT_THROW(with_list(base(), {"spec", "process", "1", "exclude"}, {}), UsageError);
  EXPECT_THROW(with_list(base(), {"metadata", "x"}, {}), UsageError);
  EXPECT_THROW(with_list(base(), {"spec", "process", "x"}, {}), UsageError);
  EXPECT_EQ(excludes(with_list(base(), {"spec", "process", "0", "exclude"}, {"a"})).back(), "a");
}

// A world in which smoothing and per-token scales help, and float blocks too.
Quality quality_of(const Recipe& recipe, double target) {
  const std::string text = dump_yaml(recipe.spec);
  double kl = 0.5;
  if (text.find("per_token") != std::string::npos) kl *= 0.1;
  if (text.find("quarot") != std::string::npos) kl *= 0.4;
  if (text.find("up-down") != std::string::npos) kl *= 0.9;
  if (text.find("alpha: 0.3") != std::string::npos) kl *= 0.8;
  kl *= 1.0 - 0.02 * static_cast<double>(level(recipe));
  return {kl, kl <= target};
}

TEST(Auto, ImprovesABadStart) {
  int trials = 0;
  const SearchResult result = search_auto(
      AutoSearch{base()}, false, [] { return blocks(36); },
      [&](const Recipe& recipe) {
        ++trials;
        return quality_of(recipe, 0);
      });
  EXPECT_TRUE(result.satisfied);
  EXPECT_NEAR(quality_of(result.recipe, 0).kl, 0.5 * 0.1 * 0.4 * 0.9 * 0.8, 1e-9);
  EXPECT_LE(trials, 12);
  EXPECT_THAT(excludes(result.recipe), testing::ElementsAre("*.9.mlp*"));
}

TEST(Auto, StopsWhenTheDemandIsMet) {
  int trials = 0;
  const SearchResult result = search_auto(
      AutoSearch{base()}, true, [] { return blocks(36); },
      [&](const Recipe& recipe) {
        ++trials;
        return quality_of(recipe, 0.06);
      });
  EXPECT_TRUE(result.satisfied);
  EXPECT_EQ(trials, 2);
}

TEST(Auto, LetsBlocksStayFloatInTheEnd) {
  const auto judge = [](const Recipe& recipe) { return quality_of(recipe, 0.01); };
  const SearchResult result = search_auto(
      AutoSearch{base()}, true, [] { return blocks(36); }, judge);
  EXPECT_TRUE(result.satisfied);
  EXPECT_EQ(level(result.recipe), 16U);  // 0.0144 (1 - 0.02 n) <= 0.01
}

}  // namespace
}  // namespace msmodelslim
