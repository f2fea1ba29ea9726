#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe_samples.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

std::string cache(const std::string& dtype, const std::string& scope,
                  const std::string& more = "") {
  return v1_recipe("    - {type: dynamic_cache, qconfig: {dtype: " + dtype + ", scope: " + scope +
                   ", symmetric: true, method: minmax" + more + "}}\n");
}

TEST(CacheReader, DynamicCache) {
  const Plan plan = plan_of(cache("int8", "per_channel"));
  const auto& step = std::get<DynamicCacheStep>(plan.steps.at(0).value);
  EXPECT_TRUE(step.cache.symmetric);
  EXPECT_EQ(aggregation_of(step.cache), Aggregation::kMax);
  EXPECT_TRUE(step.filter.selects("model.layers.0.self_attn"));
  EXPECT_TRUE(needs_data(plan));
}

TEST(CacheReader, AggregationOfACache) {
  for (const auto& [word, value] :
       {std::pair{"mean", Aggregation::kMean}, {"last", Aggregation::kLast}}) {
    const std::string ext = std::string(", ext: {aggregation_type: ") + word + "}";
    const Plan plan = plan_of(cache("int8", "per_channel", ext));
    EXPECT_EQ(aggregation_of(std::get<DynamicCacheStep>(plan.steps.at(0).value).cache), value);
  }
  EXPECT_THAT(problems_of(cache("int8", "per_channel", ", ext: {aggregation_type: first}")),
              HasSubstr("must be max, mean or last"));
}

TEST(CacheReader, OtherCachesAreRefused) {
  EXPECT_THAT(problems_of(cache("fp8_e4m3", "per_channel")),
              HasSubstr("a KV cache is int8 per_channel"));
  EXPECT_THAT(problems_of(cache("int8", "per_tensor")),
              HasSubstr("a KV cache is int8 per_channel"));
  EXPECT_THAT(problems_of(cache("int8", "per_head")), HasSubstr("there is no activation"));
  EXPECT_THAT(problems_of(v1_recipe("    - {type: dynamic_cache}\n")),
              HasSubstr("qconfig (line 4)\n    is required"));
}

TEST(CacheReader, EmptyIncludeIsEverythingForACacheAndNothingForSmoothing) {
  const Plan plan = plan_of(v1_recipe(
      "    - {type: kv_smooth, include: []}\n"
      "    - {type: dynamic_cache, include: [], qconfig: {dtype: int8, scope: per_channel, "
      "symmetric: false, method: minmax}}\n"));
  EXPECT_FALSE(std::get<KvSmoothStep>(plan.steps.at(0).value).filter.selects("a"));
  EXPECT_TRUE(std::get<DynamicCacheStep>(plan.steps.at(1).value).filter.selects("a"));
}

TEST(CacheReader, SmoothFactor) {
  const auto smooth = [](const std::string& fields) {
    return v1_recipe("    - {type: kv_smooth" + fields + "}\n" + kStaticLinear);
  };
  EXPECT_EQ(std::get<KvSmoothStep>(plan_of(smooth("")).steps.at(0).value).factor, 1);
  EXPECT_EQ(
      std::get<KvSmoothStep>(plan_of(smooth(", smooth_factor: 0.8")).steps.at(0).value).factor,
      0.8);
  for (const char* bad : {"0", "-1", "much", "null", ".nan", ".inf"})
    EXPECT_THAT(problems_of(smooth(std::string(", smooth_factor: ") + bad)),
                HasSubstr("smooth_factor (line 4)\n    must be a number above 0"))
        << bad;
}

}  // namespace
}  // namespace msmodelslim
