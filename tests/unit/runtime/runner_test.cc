// Token by token with a cache gives the logits that transformers gives for the whole sequence.
#include "runtime/runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class RunnerGolden : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/" + GetParam();
    if (!std::filesystem::exists(folder_)) folder_ = golden_dir() + "/models/" + GetParam();
    if (!std::filesystem::exists(folder_))
      GTEST_SKIP() << "only in the shared golden set: set MSMODELSLIM_SHARED";
    const SafetensorsFile file(folder_ + "/forward.safetensors");
    for (const auto& entry : file.entries()) {
      if (entry.name == "seq0.input_ids") {
        const TensorView view = file.view(entry);
        for (std::int64_t i = 0; i < view.count(); ++i)
          ids_.push_back(view.dtype == DType::kI32
                             ? view.as<std::int32_t>()[i]
                             : static_cast<std::int32_t>(view.as<std::int64_t>()[i]));
      }
      if (entry.name == "seq0.logits") {
        const TensorView view = file.view(entry);
        logits_.resize(static_cast<std::size_t>(view.count()));
        to_f32(view, logits_.data());
      }
    }
    ASSERT_FALSE(ids_.empty());
  }

  // Largest error of the logits of token `at`, relative to the largest logit.
  double error(const float* got, std::size_t at) const {
    const std::size_t vocab = logits_.size() / ids_.size();
    double worst = 0;
    double largest = 0;
    for (std::size_t i = 0; i < vocab; ++i) {
      const double want = logits_[at * vocab + i];
      worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want));
      largest = std::max(largest, std::abs(want));
    }
    return worst / largest;
  }

  std::string folder_;
  std::vector<std::int32_t> ids_;
  std::vector<float> logits_;
};

TEST_P(RunnerGolden, TokenByToken) {
  ModelRunner runner(folder_);
  SequenceCache cache(runner.spec());
  const bool narrow = runner.spec().dtype == DType::kBF16;  // so is the cache, not in the golden
  for (std::size_t t = 0; t < ids_.size(); ++t) {
    const SequenceStep step{&cache, std::span(ids_).subspan(t, 1)};
    EXPECT_LT(error(runner.run({&step, 1}), t), narrow ? 0.03 : 1e-4) << "token " << t;
  }
  EXPECT_EQ(cache.length(), static_cast<std::int64_t>(ids_.size()));
}

TEST_P(RunnerGolden, PiecesOfThePromptBesideAnotherSequence) {
  ModelRunner runner(folder_);
  const double allowed = runner.spec().dtype == DType::kBF16 ? 0.03 : 1e-4;
  SequenceCache mine(runner.spec());
  SequenceCache other(runner.spec());
  std::size_t done = 0;
  for (const std::size_t piece : {std::size_t{3}, std::size_t{1}, ids_.size() - 6}) {
    const SequenceStep steps[] = {{&other, std::span(ids_).subspan(done, 2), 0},
                                  {&mine, std::span(ids_).subspan(done, piece)}};
    done += piece;
    EXPECT_LT(error(runner.run(steps), done - 1), allowed) << done;
  }
  EXPECT_EQ(other.length(), 6);
}

INSTANTIATE_TEST_SUITE_P(
    Models, RunnerGolden,
    testing::Values("qwen2", "qwen2-bf16", "qwen3", "qwen3-bf16", "llama", "mixtral", "qwen2_moe",
                    "qwen3_moe", "glm4_moe", "deepseek_v3", "glm4_moe_lite", "kimi_k2",
                    "qwen3_next", "qwen3_5_text", "minimax_m2", "deepseek_v2", "deepseek_v32",
                    "glm_moe_dsa", "seed_oss", "internlm3", "smollm3", "granite", "olmo2", "phi3",
                    "glm", "glm4", "cohere", "gemma2", "gemma3_text", "gpt_oss", "qwen3_5_moe_text",
                    "internlm2", "baichuan", "qwen", "chatglm", "mistral", "hunyuan_v1_dense",
                    "hunyuan_v1_moe", "gpt_neox", "gpt_neox_serial", "starcoder2", "cohere_qk",
                    "cohere2", "olmo3", "olmoe", "gemma", "baichuan_13b", "longcat_flash",
                    "step3p5", "ministral3", "phi3_longrope", "glm_moe_dsa_shared", "deepseek_v4",
                    "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "glm4v_moe", "internvl",
                    "qwen2_5_omni_thinker", "qwen3_omni_moe_thinker"));

// Beyond 20 tokens the model has other frequencies, from the first token on.
TEST(ModelRunner, APromptInPiecesHasTheFrequenciesOfItsWholeLength) {
  ModelRunner runner(std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/phi3_longrope");
  std::vector<std::int32_t> ids;
  for (std::int32_t i = 0; i < 23; ++i) ids.push_back(i * 7 % 31);
  const auto last = [&](std::size_t piece) {
    SequenceCache cache(runner.spec());
    std::vector<float> logits;
    for (std::size_t done = 0; done < ids.size(); done += piece) {
      const auto part = std::span(ids).subspan(done, std::min(piece, ids.size() - done));
      const SequenceStep step{&cache, part, 1, static_cast<std::int64_t>(ids.size())};
      const float* got = runner.run({&step, 1});
      logits.assign(got, got + runner.spec().vocab);
    }
    return logits;
  };
  const std::vector<float> whole = last(ids.size());
  const std::vector<float> pieces = last(8);
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(pieces[i], whole[i], 1e-4) << i;
}

TEST(ModelRunner, ALengthBeyondTheModelIsRefused) {
  EXPECT_THROW(ModelRunner(golden_dir() + "/models/qwen2", 1 << 30), UsageError);
}

}  // namespace
}  // namespace msmodelslim
