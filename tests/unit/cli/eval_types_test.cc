// Folders with low-rank branches and sparse weights are computed from their own tensors.
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/safetensors.h"
#include "eval/perplexity.h"
#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class EvalTypes : public testing::Test {
 protected:
  EvalTypes() {
    std::mt19937 generator(5);
    std::uniform_int_distribution<std::int32_t> token(0, 300);
    for (int i = 0; i < 130; ++i) ids_.push_back(token(generator));
    job_.model_path = golden_dir() + "/models/qwen2";
    job_.save_path = temp_path("eval_types");
    job_.quiet = true;
    job_.overwrite = true;
    job_.samples = {ids_};
  }
  ~EvalTypes() override { fs::remove_all(job_.save_path); }

  void quantize(const std::string& process) {
    job_.plan = make_plan(parse_recipe("apiversion: modelslim_v1\nspec:\n  process:\n" + process +
                                           "  save: [{type: ascendv1_saver, part_file_size: 0}]\n",
                                       "r.yaml"));
    quantize_model(job_);
  }

  double kl() const {
    PerplexityOptions options;
    options.model_path = job_.save_path;
    options.float_path = job_.model_path;
    options.seqlen = 64;
    return evaluate_perplexity(options, ids_).kl->mean;
  }

  // Drops a tensor when `change` says so.
  template <typename Change>
  void edit(const Change& change) {
    const std::string path = job_.save_path + "/quant_model_weights.safetensors";
    std::vector<std::pair<std::string, Tensor>> tensors;
    {
      const SafetensorsFile file(path);
      for (const auto& entry : file.entries())
        tensors.emplace_back(entry.name, Tensor::copy_of(file.view(entry)));
    }
    std::erase_if(tensors, [&](auto& t) { return change(t.first, t.second); });
    std::vector<NamedTensor> views;
    for (const auto& [name, tensor] : tensors) views.push_back({name, tensor.view()});
    write_safetensors(path, views);
  }

  static std::string linear_quant(const std::string& act, const std::string& weight) {
    return "    - {type: linear_quant, qconfig: {act: {" + act +
           ", symmetric: true, method: minmax}, weight: {" + weight +
           ", symmetric: true, method: minmax}}}\n";
  }

  std::vector<std::int32_t> ids_;
  QuantJob job_;
};

const char* const kSvd = "    - {type: svd_res, rank: 8}\n";

TEST_F(EvalTypes, LowRankBranchesOfEveryKindCount) {
  const std::pair<const char*, const char*> pairs[] = {
      {"dtype: int8, scope: per_tensor", "dtype: int8, scope: per_channel"},
      {"dtype: int8, scope: per_token", "dtype: int8, scope: per_channel"},
      {"dtype: int8, scope: per_token", "dtype: int4, scope: per_channel"},
      {"dtype: mxfp4, scope: per_block", "dtype: mxfp4, scope: per_block"},
      {"dtype: fp8_e4m3, scope: per_token", "dtype: fp8_e4m3, scope: per_channel"}};
  for (const auto& [act, weight] : pairs) {
    quantize(kSvd + linear_quant(act, weight));
    const double whole = kl();
    EXPECT_LT(whole, 0.5) << weight;
    edit([](const std::string& name, Tensor& tensor) {
      if (name.ends_with("layers.0.mlp.up_proj.svd_lowrank_l2"))
        for (std::int64_t i = 0; i < tensor.count(); ++i) tensor.as<float>()[i] = 0;
      return false;
    });
    EXPECT_GT(kl(), whole) << weight;
  }
}

TEST_F(EvalTypes, AMissingFactorIsAnError) {
  quantize(kSvd + linear_quant("dtype: int8, scope: per_token", "dtype: int8, scope: per_channel"));
  edit([](const std::string& name, Tensor&) {
    return name.ends_with("layers.1.mlp.up_proj.svd_lowrank_l1");
  });
  EXPECT_THROW(kl(), DataError);
}

TEST_F(EvalTypes, SparseWeightsAreComputedAsTheyAre) {
  quantize("    - {type: float_sparse, sparse_ratio: 0.1}\n");
  const double few = kl();
  EXPECT_GT(few, 0);
  quantize("    - {type: float_sparse, sparse_ratio: 0.9}\n");
  EXPECT_GT(kl(), 2 * few);
}

}  // namespace
}  // namespace msmodelslim
