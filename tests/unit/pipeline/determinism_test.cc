// The same bytes for any number of threads and for a second run.
#include <gtest/gtest.h>

#include <random>

#include "base/files.h"
#include "base/threads.h"
#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

constexpr const char* kRecipe = R"(
apiversion: modelslim_v1
spec:
  process:
    - {type: iter_smooth}
    - {type: flex_smooth_quant}
    - {type: awq, weight_qconfig: &w4 {dtype: int4, scope: per_channel, symmetric: true, method: ssz}, n_grid: 3}
    - {type: flex_awq_ssz, qconfig: {act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}, weight: *w4}}
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_tensor, symmetric: false, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}
  save: [{type: ascendv1_saver}]
)";

constexpr const char* kLearned = R"(
apiversion: modelslim_v1
spec:
  process:
    - type: autoround_quant
      iters: 6
      lr: 0.03
      strategies:
        - qconfig:
            act: {dtype: int8, scope: per_tensor, symmetric: false, method: minmax}
            weight: {dtype: int8, scope: per_channel, symmetric: true, method: autoround}
          include: ['*self_attn*']
        - qconfig:
            act: {dtype: int4, scope: per_token, symmetric: true, method: minmax}
            weight: {dtype: int4, scope: per_group, symmetric: false, method: autoround, ext: {group_size: 32}}
          exclude: ['*.1.mlp.*']
        - qconfig:
            weight: {dtype: float, scope: per_channel, symmetric: true, method: none}
  save: [{type: ascendv1_saver}]
)";

constexpr const char* kRotated = R"(
apiversion: modelslim_v1
spec:
  prior:
    - process: [{type: adapt_rotation, stage: 1, steps: 2}]
  process:
    - {type: adapt_rotation, stage: 2, online: true, max_tp_size: 2, down_proj_online_layers: [1]}
    - {type: iter_smooth, enable_subgraph_type: [up-down], ignore_adapter: true}
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_tensor, symmetric: false, method: histogram}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: gptq, ext: {act_order: true, scale_search: true, quantized_inputs: true}}
  save: [{type: ascendv1_saver}]
)";

constexpr const char* kFlat = R"(
apiversion: modelslim_v1
spec:
  process:
    - {type: flatquant, exclude: ['*.0.self_attn*']}
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_tensor, symmetric: false, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}
  save: [{type: ascendv1_saver}]
)";

class Determinism : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Recipes, Determinism, testing::Values(kRecipe, kLearned, kRotated, kFlat));

TEST_P(Determinism, BytesDoNotDependOnTheThreads) {
  QuantJob job;
  job.model_path = golden_dir() + "/models/qwen3";
  job.plan = make_plan(parse_recipe(GetParam(), "test.yaml"));
  job.pedigree = "qwen3";
  job.quiet = true;
  job.overwrite = true;
  std::mt19937 generator(11);
  std::uniform_int_distribution<std::int32_t> token(0, 300);
  for (int length : {3, 700, 41})
    for (job.samples.emplace_back(); job.samples.back().size() < static_cast<std::size_t>(length);)
      job.samples.back().push_back(token(generator));
  job.prior_samples.assign(job.plan.priors.size(), job.samples);
  std::string first;
  std::string first_description;
  for (int threads : {1, 2, 4, 7, 1}) {
    set_thread_count(threads);
    job.save_path = temp_path("determinism");
    quantize_model(job);
    const std::string weights =
        read_file(job.save_path + "/quant_model_weights-00001-of-00001.safetensors");
    const std::string description = read_file(job.save_path + "/quant_model_description.json");
    if (first.empty()) {
      first = weights;
      first_description = description;
    }
    EXPECT_TRUE(weights == first) << threads << " threads";
    EXPECT_TRUE(description == first_description);
  }
  set_thread_count(available_threads());
}

}  // namespace
}  // namespace msmodelslim
