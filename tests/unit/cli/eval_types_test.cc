// Folders with low-rank branches and sparse weights are computed from their own tensors.
#include <gtest/gtest.h>

#include "base/error.h"
#include "quantized_folder.h"

namespace msmodelslim {
namespace {

class EvalTypes : public QuantizedFolder {
 protected:
  EvalTypes() : QuantizedFolder(130) {}

  static std::string linear_quant(const std::string& act, const std::string& weight) {
    return "    - {type: linear_quant, qconfig: {act: {" + act +
           ", symmetric: true, method: minmax}, weight: {" + weight +
           ", symmetric: true, method: minmax}}}\n";
  }
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

TEST_F(EvalTypes, BlocksOfRotatedModelsAreTurnedBack) {
  quantize("    - type: quarot\n" +
           linear_quant("dtype: int8, scope: per_token", "dtype: int8, scope: per_channel"));
  const auto blocks = compare().blocks;
  ASSERT_EQ(blocks.size(), 2U);
  for (const BlockDistance& block : blocks) EXPECT_LT(block.error, 0.1);
  remove_file("optional/quarot.safetensors");
  EXPECT_TRUE(compare().blocks.empty());
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
