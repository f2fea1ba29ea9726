#include "recipe/model_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ModelTypes, KnownNamesGiveTheirPedigree) {
  const ModelType qwen = find_model_type("Qwen2.5-7B-Instruct");
  EXPECT_TRUE(qwen.known);
  EXPECT_EQ(qwen.name, "Qwen2.5-7B-Instruct");
  EXPECT_THAT(qwen.pedigrees, ElementsAre("qwen2_5"));
  EXPECT_THAT(find_model_type("Kimi-K2.6").pedigrees, ElementsAre("kimi_k2_5"));
  EXPECT_THAT(find_model_type("default").pedigrees, ElementsAre("default"));
  EXPECT_TRUE(find_model_type("default").known);
}

TEST(ModelTypes, FoldersThatThePythonToolMissesAreFound) {
  EXPECT_THAT(find_model_type("Qwen2.5-VL-7B-Instruct").pedigrees,
              ElementsAre("qwen2_5_vl", "qwen25_vl"));
  EXPECT_THAT(find_model_type("Step-3.5-Flash").pedigrees,
              ElementsAre("step_3_5_flash", "step3_5_flash"));
  EXPECT_THAT(find_model_type("DeepSeek-R1-Distill-Qwen-7B").pedigrees,
              ElementsAre("qwen2_5", "deepseek-r1-distill"));
}

TEST(ModelTypes, OtherSpellingsGiveTheNameThatRecipesUse) {
  EXPECT_EQ(find_model_type("hunyuan-video").name, "HunyuanVideo");
  EXPECT_EQ(find_model_type("Wan2_1").name, "Wan2.1");
}

TEST(ModelTypes, UnknownNamesAreGeneric) {
  const ModelType type = find_model_type("qwen2.5-7b-instruct");
  EXPECT_FALSE(type.known);
  EXPECT_EQ(type.name, "qwen2.5-7b-instruct");
  EXPECT_THAT(type.pedigrees, ElementsAre("default"));
  EXPECT_THAT(unknown_model_type_warning("qwen2.5-7b-instruct"), HasSubstr("Qwen2.5-7B-Instruct"));
  EXPECT_EQ(unknown_model_type_warning("Qwen2-7B"), "");
  EXPECT_THAT(unknown_model_type_warning("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"),
              testing::Not(HasSubstr("nearest")));
}

TEST(ModelTypes, NamesAreUnique) {
  auto names = model_type_names();
  const std::size_t count = names.size();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()) - names.begin(),
            static_cast<std::ptrdiff_t>(count));
  EXPECT_EQ(count, 73U);
}

}  // namespace
}  // namespace msmodelslim
