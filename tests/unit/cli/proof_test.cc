// What `quant` says about the quality of its result agrees with what the folder is then worth.
#include "cli/proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/quant_command.h"
#include "quantized_folder.h"

namespace msmodelslim {
namespace {

class ProofOnTheWay : public QuantizedFolder {
 protected:
  ProofOnTheWay() : QuantizedFolder(130) { prove_on_the_way(); }
  explicit ProofOnTheWay(const std::string& model) : QuantizedFolder(130, model, 60) {
    prove_on_the_way();
  }

  // Quantizes; the figures of the way must be those of the folder.
  HeldOutProof agreed(const std::string& process) {
    const HeldOutProof proof = *quantize(process).proof;
    const PerplexityResult result = scores();
    EXPECT_NEAR(proof.float_perplexity, *result.float_perplexity, 1e-4 * proof.float_perplexity);
    EXPECT_NEAR(proof.perplexity, result.perplexity, 0.01 * result.perplexity) << process;
    EXPECT_NEAR(proof.kl.mean, result.kl->mean, 0.05 * result.kl->mean + 1e-6) << process;
    EXPECT_NEAR(proof.top1_agreement, *result.top1_agreement, 0.03) << process;
    return proof;
  }
};

const char* const kDynamic =
    "    - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_token, symmetric: true, "
    "method: minmax}, weight: {dtype: int8, scope: per_channel, symmetric: true, method: "
    "minmax}}}\n";
const char* const kStatic =
    "    - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_tensor, symmetric: false, "
    "method: minmax}, weight: {dtype: int8, scope: per_channel, symmetric: true, method: "
    "minmax}}}\n";
const char* const kWeightOnly =
    "    - {type: linear_quant, qconfig: {act: {dtype: float, scope: per_tensor, symmetric: true, "
    "method: none}, weight: {dtype: int8, scope: per_channel, symmetric: true, method: "
    "minmax}}}\n";
const char* const kCache =
    "    - {type: dynamic_cache, qconfig: {dtype: int8, scope: per_channel, symmetric: true, "
    "method: minmax}}\n";
const char* const kMx =
    "    - {type: linear_quant, qconfig: {act: {dtype: mxfp4, scope: per_block, symmetric: true, "
    "method: minmax}, weight: {dtype: mxfp4, scope: per_block, symmetric: true, method: "
    "minmax}}}\n";

TEST_F(ProofOnTheWay, AgreesWithTheFolder) {
  const HeldOutProof good = agreed(kDynamic);
  EXPECT_EQ(good.sequences, 2);
  EXPECT_EQ(good.tokens, 128);
  agreed(kStatic);
  agreed(std::string(kCache) + kDynamic);
  const HeldOutProof bad = agreed(kMx);
  EXPECT_GT(bad.kl.mean, good.kl.mean);
  EXPECT_GT(bad.block_errors.back(), good.block_errors.back());
}

TEST_F(ProofOnTheWay, RotationAndSmoothingCostNothing) {
  const HeldOutProof plain = agreed(kDynamic);
  const HeldOutProof rotated = agreed("    - {type: quarot}\n" + std::string(kDynamic));
  ASSERT_EQ(rotated.block_errors.size(), plain.block_errors.size());
  for (std::size_t i = 0; i < plain.block_errors.size(); ++i)
    EXPECT_LT(rotated.block_errors[i], 3 * plain.block_errors[i]) << i;
  agreed("    - {type: iter_smooth, alpha: 0.5}\n" + std::string(kDynamic));
}

TEST_F(ProofOnTheWay, WeightOnlyCountsToo) { EXPECT_GT(agreed(kWeightOnly).kl.mean, 0); }

class ProofOfExperts : public ProofOnTheWay {
 protected:
  ProofOfExperts()
      : ProofOnTheWay(std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/qwen2_moe") {}
};

TEST_F(ProofOfExperts, AgreesWithTheFolder) {
  const HeldOutProof dynamic = agreed(kDynamic);
  EXPECT_GT(dynamic.kl.mean, 0);
  EXPECT_GT(agreed(kStatic).kl.mean, dynamic.kl.mean);
}

class ProofCommand : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(out_); }
  int run(std::vector<std::string> words) const {
    words.insert(words.end(), {"--model_path", golden_dir() + "/models/qwen2", "--save_path", out_,
                               "--quant_type", "w8a8", "--yes", "--overwrite", "--calib_dataset",
                               "boolq.jsonl", "--calib_samples", "1"});
    return run_quant(words);
  }
  std::string out_ = temp_path("proof");
};

TEST_F(ProofCommand, TooHighAKlIsTheExitCode) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(run({"--max_kl", "10"}), 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::HasSubstr("quality  "));
  EXPECT_EQ(run({"--max_kl", "0", "--quiet"}), 1);
  EXPECT_TRUE(fs::exists(out_ + "/quant_model_description.json"));
}

TEST_F(ProofCommand, FullLoadsTheFolder) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(run({"--verify", "full"}), 0);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_THAT(printed, testing::HasSubstr("loaded and scored"));
  EXPECT_THAT(printed, testing::HasSubstr("it goes on"));
}

}  // namespace
}  // namespace msmodelslim
