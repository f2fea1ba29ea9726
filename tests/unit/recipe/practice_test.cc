#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe/practice_search.h"
#include "recipe_samples.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string entry(const std::string& id, double score, const std::string& metadata) {
  return fmt::format(
      "apiversion: modelslim_v1\nmetadata:\n  config_id: {}\n  score: {}\n{}spec: {{}}\n", id,
      score, metadata);
}

const char* const kW8A8 = "  label: {w_bit: 8, a_bit: 8}\n";
const char* const kW4A8 = "  label: {w_bit: 4, a_bit: 8}\n";
const char* const kForQwen = "  verified_model_types: [Qwen3-14B]\n";

// default: w8a8 and w8a16; qwen3: one w8a8, one w4a8 by tags, one for another model.
class Practice : public testing::Test {
 protected:
  Practice() {
    folder_.write("default/d8.yaml", entry("generic-w8a8", 50, kW8A8));
    folder_.write("default/d16.yaml",
                  entry("generic-w8a16", 50, "  label: {w_bit: 8, a_bit: 16}\n"));
    folder_.write("qwen3/own.yaml", entry("own-w8a8", 90, std::string(kW8A8) + kForQwen));
    folder_.write(
        "qwen3/tags.yaml",
        entry("own-w4a8", 90,
              std::string(kW4A8) + "  verified_tags: {Qwen3-14B: [[vLLM_Ascend, A2]]}\n"));
  }

  RecipeChoice choose(const char* model, const char* type,
                      const std::vector<std::string>& tags = {}) const {
    std::optional<QuantType> quant_type;
    if (type != nullptr) quant_type = parse_quant_type(type);
    return choose_recipe(PracticeLibrary({folder_.path()}), find_model_type(model), quant_type,
                         tags);
  }

  TemporaryFolder folder_;
};

TEST_F(Practice, ADirectMatchWithATypeIsSilent) {
  const RecipeChoice choice = choose("Qwen3-14B", "w8a8");
  EXPECT_EQ(choice.recipe.metadata.config_id, "own-w8a8");
  EXPECT_FALSE(choice.ask);
}

TEST_F(Practice, WithoutATypeW8A8IsProposed) {
  const RecipeChoice choice = choose("Qwen3-14B", nullptr);
  EXPECT_EQ(choice.recipe.metadata.config_id, "own-w8a8");
  EXPECT_TRUE(choice.ask);
  EXPECT_THAT(choice.sentence, HasSubstr("No quantization type was given"));
}

TEST_F(Practice, ThenTheGenericRecipeOfTheType) {
  const RecipeChoice choice = choose("Qwen3-14B", "w8a16");
  EXPECT_EQ(choice.recipe.metadata.config_id, "generic-w8a16");
  EXPECT_TRUE(choice.ask);
  EXPECT_THAT(choice.sentence, HasSubstr("generic recipe generic-w8a16"));
}

TEST_F(Practice, ThenTheModelsW8A8) {
  const RecipeChoice choice = choose("Qwen3-14B", "w4a4");
  EXPECT_EQ(choice.recipe.metadata.config_id, "own-w8a8");
  EXPECT_TRUE(choice.ask);
  EXPECT_THAT(choice.sentence, HasSubstr("No recipe for w4a4 fits model type Qwen3-14B"));
}

TEST_F(Practice, LastTheGenericW8A8) {
  const RecipeChoice choice = choose("Qwen3-32B", "w4a4");
  EXPECT_EQ(choice.recipe.metadata.config_id, "generic-w8a8");
  EXPECT_TRUE(choice.ask);
}

TEST_F(Practice, GenericModelsAlwaysAsk) {
  for (const char* model : {"default", "My-Model"}) {
    const RecipeChoice choice = choose(model, "w8a8");
    EXPECT_EQ(choice.recipe.metadata.config_id, "generic-w8a8");
    EXPECT_TRUE(choice.ask);
  }
}

TEST_F(Practice, NothingFits) {
  const TemporaryFolder empty;
  EXPECT_THROW(choose_recipe(PracticeLibrary({empty.path(), "/nowhere"}),
                             find_model_type("Qwen3-14B"), std::nullopt, {}),
               UsageError);
}

TEST_F(Practice, SaysWhatThereIsInstead) {
  EXPECT_THAT(choose("Qwen3-32B", "w4a8").sentence,
              HasSubstr("(recipes for w4a8: own-w4a8 (Qwen3-14B); types of Qwen3-32B: none)"));
  EXPECT_THAT(choose("Qwen3-14B", "w4a4").sentence,
              HasSubstr("(recipes for w4a4: none; types of Qwen3-14B: w4a8, w8a8)"));
}

// Every value of --quant_type ends in a recipe, or in an error or question that says what is
// missing; it is never taken for another type without a word.
TEST(Library, EveryQuantTypeFindsARecipeOrSaysWhatIsMissing) {
  const PracticeLibrary library({MSMODELSLIM_SOURCE_DIR "/recipes"});
  const PracticeLibrary nothing({"/nowhere"});
  for (const std::string& name : quant_type_names())
    for (const char* model : {"default", "Qwen2-7B", "Qwen3-32B", "DeepSeek-R1"}) {
      const QuantType type = parse_quant_type(name);
      const RecipeChoice choice = choose_recipe(library, find_model_type(model), type, {});
      if (label_matches(choice.recipe.metadata.label, type)) continue;
      EXPECT_TRUE(choice.ask) << name << " " << model;
      EXPECT_THAT(choice.sentence,
                  HasSubstr(fmt::format("No recipe for {} fits model type", name)));
      EXPECT_THAT(choice.sentence, HasSubstr(fmt::format("recipes for {}: ", name)));
      try {
        choose_recipe(nothing, find_model_type(model), type, {});
        FAIL();
      } catch (const UsageError& e) {
        EXPECT_THAT(e.what(), HasSubstr(fmt::format("recipes for {}: none", name)));
      }
    }
  const RecipeChoice sparse =
      choose_recipe(library, find_model_type("Qwen3-32B"), parse_quant_type("w16a16s"), {});
  EXPECT_EQ(sparse.recipe.metadata.config_id, "qwen3-32b-dense-w16a16s");
  EXPECT_FALSE(sparse.ask);
}

TEST_F(Practice, TagsOfAnySpelling) {
  EXPECT_FALSE(choose("Qwen3-14B", "w4a8").ask);
  EXPECT_FALSE(choose("Qwen3-14B", "w4a8", {"vllm-ascend"}).ask);
  EXPECT_FALSE(choose("Qwen3-14B", "w4a8", {"VLLM_ascend", "a2"}).ask);
  const RecipeChoice standby = choose("Qwen3-14B", "w4a8", {"MindIE"});
  EXPECT_EQ(standby.recipe.metadata.config_id, "own-w4a8");
  EXPECT_TRUE(standby.ask);
  EXPECT_THAT(standby.sentence, HasSubstr("not verified for the given tags"));
}

TEST_F(Practice, ListedModelsDecideAndTagsDoNotCount) {
  EXPECT_FALSE(choose("Qwen3-14B", "w8a8", {"anything"}).ask);
  const Recipe own = parse_recipe(entry("x", 1, kForQwen), "x");
  EXPECT_EQ(recipe_applies(own, "qwen3", "Qwen3-14B", {}), Applies::kMatch);
  EXPECT_EQ(recipe_applies(own, "qwen3", "Qwen3-8B", {}), Applies::kNo);
  EXPECT_EQ(recipe_applies(own, "default", "Qwen3-8B", {}), Applies::kMatch);
  EXPECT_EQ(recipe_applies(parse_recipe(entry("x", 1, ""), "x"), "qwen3", "Qwen3-8B", {}),
            Applies::kNo);
}

TEST_F(Practice, HigherScoreFirstThenConfigId) {
  folder_.write("qwen3/b.yaml", entry("b", 95, std::string(kW8A8) + kForQwen));
  folder_.write("qwen3/z.yaml", entry("a", 95, std::string(kW8A8) + kForQwen));
  EXPECT_EQ(choose("Qwen3-14B", "w8a8").recipe.metadata.config_id, "a");
}

TEST_F(Practice, OwnRepositoryWinsTiesAndMayHaveCapitals) {
  const TemporaryFolder custom;
  custom.write("Qwen3/mine.yaml", entry("own-w8a8", 90, std::string(kW8A8) + kForQwen));
  const PracticeLibrary library({custom.path(), folder_.path()});
  const auto recipes = library.recipes("qwen3");
  ASSERT_EQ(recipes.size(), 3U);
  EXPECT_EQ(recipes[1].path, custom.path() + "/Qwen3/mine.yaml");
  EXPECT_EQ(recipes[2].path, folder_.path() + "/qwen3/own.yaml");
}

TEST_F(Practice, ABrokenFileIsSkipped) {
  folder_.write("qwen3/0-broken.yaml", "a: [1\n");
  folder_.write("qwen3/0-wrong.yaml", "metadata: {score: x}\n");
  folder_.write("qwen3/note.txt", "not a recipe");
  folder_.write("qwen3/sub/deep.yaml", entry("deep", 99, kW8A8));
  EXPECT_EQ(choose("Qwen3-14B", "w8a8").recipe.metadata.config_id, "own-w8a8");
}

TEST_F(Practice, FindTakesFilesIdsAndPathsOfThePythonTool) {
  const PracticeLibrary library({folder_.path()});
  EXPECT_EQ(library.find(folder_.path() + "/qwen3/own.yaml").metadata.config_id, "own-w8a8");
  EXPECT_EQ(library.find("own-w8a8").metadata.config_id, "own-w8a8");
  EXPECT_EQ(library.find("own").metadata.config_id, "own-w8a8");
  EXPECT_EQ(library.find("own.yaml").metadata.config_id, "own-w8a8");
  EXPECT_EQ(library.find("/opt/msmodelslim/lab_practice/qwen3/own.yaml").metadata.config_id,
            "own-w8a8");
  EXPECT_EQ(library.find("qwen3/own.yaml").metadata.config_id, "own-w8a8");
  try {
    library.find("own-w8a9");
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_THAT(e.what(), HasSubstr("'own-w8a9' was not found; did you mean own-w8a8"));
    EXPECT_THAT(e.remedy(), HasSubstr("default/d16.yaml, default/d8.yaml, qwen3/own.yaml"));
  }
  EXPECT_THROW(library.find("/opt/lab_practice/default/own.yaml"), UsageError);
  EXPECT_THROW(library.find(folder_.path()), UsageError);
}

TEST_F(Practice, FindReportsABrokenFile) {
  const std::string path = folder_.write("x.yaml", "spec: [\n");
  EXPECT_THROW(PracticeLibrary({}).find(path), UsageError);
}

TEST(Library, ShippedRecipesAreWhole) {
  const PracticeLibrary library({MSMODELSLIM_SOURCE_DIR "/recipes"});
  const auto files = library.files();
  for (const char* name : {"default/default-w8a16.yaml", "default/default-w8a8.yaml",
                           "qwen2/qwen2-72b-w8a8.yaml", "qwen2/qwen2-7b-w8a8.yaml",
                           "qwen2_5/qwen2.5-32b-w8a8.yaml", "qwen2_5/qwen2.5-7b-w8a8.yaml"})
    EXPECT_THAT(files, testing::Contains(name));
  for (const std::string& file : files)
    EXPECT_NO_THROW(make_plan(library.find(std::string("recipes/") + file))) << file;
}

TEST(Library, QuickStartModelHasItsOwnRecipe) {
  const PracticeLibrary library({MSMODELSLIM_SOURCE_DIR "/recipes"});
  const std::pair<const char*, const char*> own[] = {{"Qwen2.5-7B-Instruct", "qwen2.5-7b-w8a8"},
                                                     {"Qwen2.5-32B-Instruct", "qwen2.5-32b-w8a8"},
                                                     {"Qwen2-7B", "qwen2-7b-w8a8"},
                                                     {"Qwen2-72B", "qwen2-72b-w8a8"}};
  for (const auto& [model, id] : own) {
    const RecipeChoice choice =
        choose_recipe(library, find_model_type(model), parse_quant_type("W8A8"), {});
    EXPECT_EQ(choice.recipe.metadata.config_id, id);
    EXPECT_FALSE(choice.ask);
  }
}

TEST(Library, AnInt8CacheIsFoundByItsTypeAndNotOfferedOtherwise) {
  const PracticeLibrary library({MSMODELSLIM_SOURCE_DIR "/recipes"});
  const ModelType qwen = find_model_type("Qwen3-32B");
  const RecipeChoice own = choose_recipe(library, qwen, parse_quant_type("w8a8c8"), {});
  EXPECT_EQ(own.recipe.metadata.config_id, "qwen3-32b-dense-w8a8c8");
  EXPECT_FALSE(own.ask);
  EXPECT_FALSE(choose_recipe(library, qwen, std::nullopt, {}).recipe.metadata.config_id ==
               own.recipe.metadata.config_id);
  const RecipeChoice other =
      choose_recipe(library, find_model_type("Qwen3-8B"), parse_quant_type("w8a8c8"), {});
  EXPECT_EQ(other.recipe.metadata.config_id, "default-w8a8");  // the generic one, asked for
  EXPECT_TRUE(other.ask);
}

class Question : public testing::Test {
 protected:
  bool accepts(const std::optional<std::string>& answer, bool yes = false, bool ask = true) {
    choice_.ask = ask;
    choice_.sentence = "Use it? ";
    asked_ = false;
    try {
      confirm_choice(choice_, yes, [&](const std::string& prompt) {
        asked_ = true;
        EXPECT_EQ(prompt, "Use it? (Enter y to continue, otherwise it will exit): ");
        return answer;
      });
    } catch (const UsageError& e) {
      message_ = e.what();
      return false;
    }
    return true;
  }

  RecipeChoice choice_;
  bool asked_ = false;
  std::string message_;
};

TEST_F(Question, OnlyYAgrees) {
  for (const char* answer : {"y", "Y", " y ", "y\r"}) EXPECT_TRUE(accepts(answer)) << answer;
  for (const char* answer : {"", "yes", "ok", "n", "yy"}) EXPECT_FALSE(accepts(answer)) << answer;
}

TEST_F(Question, IsNotAskedWhenItIsNotNeeded) {
  EXPECT_TRUE(accepts("n", /*yes=*/true));
  EXPECT_FALSE(asked_);
  EXPECT_TRUE(accepts("n", /*yes=*/false, /*ask=*/false));
  EXPECT_FALSE(asked_);
}

TEST_F(Question, ClosedInputIsAClearError) {
  EXPECT_FALSE(accepts(std::nullopt));
  EXPECT_THAT(message_, HasSubstr("no input to read from"));
}

}  // namespace
}  // namespace msmodelslim
