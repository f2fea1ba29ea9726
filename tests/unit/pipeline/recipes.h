#pragma once
// Recipes that between them use most processors, and a job that runs them on a small model.

#include <random>
#include <string>

#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {

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

// `recipe` on the small Qwen3 model, with samples of these lengths.
inline QuantJob small_job(const char* recipe, const std::vector<int>& lengths) {
  QuantJob job;
  job.model_path = golden_dir() + "/models/qwen3";
  job.plan = make_plan(parse_recipe(recipe, "test.yaml"));
  job.pedigree = "qwen3";
  job.quiet = true;
  std::mt19937 generator(11);
  std::uniform_int_distribution<std::int32_t> token(0, 300);
  for (int length : lengths)
    for (job.samples.emplace_back(); job.samples.back().size() < static_cast<std::size_t>(length);)
      job.samples.back().push_back(token(generator));
  job.prior_samples.assign(job.plan.priors.size(), job.samples);
  return job;
}

}  // namespace msmodelslim
