#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe_samples.h"

namespace msmodelslim {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(FlatQuantEntry, TakesItsDefaultsWrittenOut) {
  const Plan plan = plan_of(v1_recipe(
      "    - {type: flatquant, exclude: ['*o_proj*'], epochs: 10, flat_lr: 1e-3, w_asym: no,\n"
      "       diag_init: one_style, nsamples: ~, strategies: [], diag_alpha: 0.3, seed: 0}\n"));
  const auto& step = std::get<FlatQuantStep>(plan.steps.at(0).value);
  EXPECT_TRUE(step.filter.selects("model.layers.0.mlp.up_proj"));
  EXPECT_FALSE(step.filter.selects("model.layers.0.self_attn.o_proj"));
  EXPECT_TRUE(needs_data(plan));
}

TEST(FlatQuantEntry, OtherValuesAreRefusedByName) {
  const auto problem = [](const std::string& fields) {
    return problems_of(v1_recipe("    - {type: flatquant, " + fields + "}\n"));
  };
  EXPECT_THAT(problem("epochs: 15"),
              AllOf(HasSubstr("flatquant.epochs"), HasSubstr("can only be 10")));
  EXPECT_THAT(problem("lwc: false"), HasSubstr("can only be true"));
  EXPECT_THAT(problem("tran_type: inv"), HasSubstr("can only be svd"));
  EXPECT_THAT(problem("nsamples: 8"), HasSubstr("can only be ~"));
  EXPECT_THAT(problem("strategies: [1]"), HasSubstr("can only be []"));
  EXPECT_THAT(problem("rate: 1"), HasSubstr("unknown field"));
  EXPECT_THAT(problems_of(v1_recipe("    - {type: group, configs: [{type: flatquant}]}\n")),
              HasSubstr("put it behind the group"));
}

}  // namespace
}  // namespace msmodelslim
