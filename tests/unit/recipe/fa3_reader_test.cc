#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe_samples.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

std::string entry(const std::string& fields) {
  return v1_recipe("    - {type: fa3_quant" + fields + "}\n");
}

std::string config(const std::string& dtype, const std::string& scope) {
  return "{dtype: " + dtype + ", scope: " + scope + ", symmetric: true, method: minmax}";
}

TEST(Fa3Reader, DefaultIsInt8PerHead) {
  const Plan plan = plan_of(entry(""));
  const auto& step = std::get<Fa3QuantStep>(plan.steps.at(0).value);
  for (const auto& branch : {step.q, step.k, step.v}) {
    EXPECT_EQ(branch->dtype, "int8");
    EXPECT_EQ(branch->scope, "per_head");
  }
  EXPECT_TRUE(needs_data(plan));
  EXPECT_TRUE(step.filter.selects("model.layers.0.self_attn"));
}

TEST(Fa3Reader, PerTokenNeedsNoData) {
  EXPECT_FALSE(needs_data(plan_of(entry(", qconfig: " + config("fp8_e4m3", "per_token")))));
}

TEST(Fa3Reader, DetailsLeaveOthersFloat) {
  const Plan plan = plan_of(entry(", details: {fa_k: " + config("fp8_e4m3", "per_head") + "}"));
  const auto& step = std::get<Fa3QuantStep>(plan.steps.at(0).value);
  EXPECT_FALSE(step.q || step.v);
  EXPECT_EQ(step.k->dtype, "fp8_e4m3");
  EXPECT_TRUE(needs_data(plan));
}

TEST(Fa3Reader, WhatIsRefused) {
  EXPECT_THAT(problems_of(entry(", details: {}")), HasSubstr("names none of fa_q"));
  EXPECT_THAT(problems_of(entry(", details: {fa_p: " + config("int8", "per_head") + "}")),
              HasSubstr("unknown field"));
  EXPECT_THAT(problems_of(entry(", qconfig: " + config("int8", "per_head") +
                                ", details: {fa_q: " + config("int8", "per_head") + "}")),
              HasSubstr("give one of them"));
  EXPECT_THAT(problems_of(entry(", qconfig: " + config("mxfp4", "per_block"))),
              HasSubstr("attention is int8 or fp8_e4m3"));
}

}  // namespace
}  // namespace msmodelslim
