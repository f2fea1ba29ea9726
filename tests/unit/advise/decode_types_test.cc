// A folder of every kind of weight gives the same logits token by token, where weights are made row
// by row or read as codes, as for many tokens at once.
#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"
#include "runtime/runner.h"
#include "unit/pipeline/recipes.h"

namespace msmodelslim {
namespace {

class DecodeTypes : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  const std::string folder_ = temp_path("decode_types");
};

class DecodeRecipes : public DecodeTypes, public testing::WithParamInterface<const char*> {};

TEST_P(DecodeRecipes, TokenByTokenAndAtOnce) {
  QuantJob job = small_job(kRecipe, {20});
  job.plan = make_plan(
      read_recipe(std::string(MSMODELSLIM_SOURCE_DIR) + "/bench/recipes/" + GetParam() + ".yaml"));
  job.exclude = {"*.down_proj"};  // its 160 inputs are no whole groups
  job.save_path = folder_;
  quantize_model(job);
  const std::vector<std::int32_t>& ids = job.samples[0];
  ModelRunner runner(folder_);
  const std::int64_t vocab = runner.spec().vocab;
  SequenceCache together = runner.new_cache();
  const SequenceStep whole{&together, ids};
  const float* logits = runner.run({&whole, 1});
  const std::vector<float> want(logits, logits + vocab);
  SequenceCache single = runner.new_cache();
  for (std::size_t t = 0; t < ids.size(); ++t) {
    const SequenceStep step{&single, std::span(ids).subspan(t, 1)};
    logits = runner.run({&step, 1});
  }
  double error = 0;
  double size = 0;
  for (std::int64_t i = 0; i < vocab; ++i) {
    error += std::pow(logits[i] - want[static_cast<std::size_t>(i)], 2);
    size += std::pow(want[static_cast<std::size_t>(i)], 2);
  }
  EXPECT_LT(std::sqrt(error / size), 2e-3);
}

INSTANTIATE_TEST_SUITE_P(Recipes, DecodeRecipes,
                         testing::Values("fp8", "mxfp8", "mxfp4", "w4a8-mx", "w4a16-minmax",
                                         "w8a16", "w4a8-minmax", "w8a8-dynamic",
                                         "w8a8-dynamic-c8"));

std::vector<float> last_logits(const std::string& folder, const std::vector<std::int32_t>& ids) {
  ModelRunner runner(folder);
  SequenceCache cache = runner.new_cache();
  const SequenceStep step{&cache, ids};
  const float* logits = runner.run({&step, 1});
  return {logits, logits + runner.spec().vocab};
}

// Low halves of the bytes: even rows, or even columns where there are as many rows as scales.
Tensor one_code_a_byte(const TensorView& packed, std::int64_t out) {
  const bool rows = packed.shape[0] != out;
  const std::int64_t width = packed.shape[1];
  Tensor codes(DType::kI8, {out, rows ? width : 2 * width});
  for (std::int64_t i = 0; i < packed.count(); ++i) {
    const int byte = packed.as<std::int8_t>()[i];
    const int low = byte & 15;
    const std::int64_t at = rows ? i / width * 2 * width + i % width : 2 * i;
    codes.as<std::int8_t>()[at] = static_cast<std::int8_t>((low ^ 8) - 8);
    codes.as<std::int8_t>()[at + (rows ? width : 1)] = static_cast<std::int8_t>((byte - low) / 16);
  }
  return codes;
}

// As MindIE's folders of V0 have them.
TEST_F(DecodeTypes, W4A8WithOneCodeAByteIsTheSame) {
  QuantJob job = small_job(kRecipe, {20});
  job.plan = make_plan(
      read_recipe(std::string(MSMODELSLIM_SOURCE_DIR) + "/bench/recipes/w4a8-minmax.yaml"));
  job.save_path = folder_;
  quantize_model(job);
  const std::vector<float> want = last_logits(folder_, job.samples[0]);
  const std::string file = folder_ + "/quant_model_weights.safetensors";
  std::vector<std::pair<std::string, Tensor>> tensors;
  int unpacked = 0;
  {
    const CheckpointReader packed(folder_);
    for (const std::string& name : packed.names()) {
      const TensorView view = packed.at(name);
      const bool codes = view.dtype == DType::kI8 && name.ends_with(".weight");
      unpacked += codes ? 1 : 0;
      tensors.emplace_back(name, codes ? one_code_a_byte(view, packed.at(name + "_scale").shape[0])
                                       : Tensor::copy_of(view));
    }
  }
  EXPECT_GT(unpacked, 0);
  std::vector<NamedTensor> views;
  for (const auto& [name, tensor] : tensors) views.push_back({name, tensor.view()});
  for (const auto& entry : fs::directory_iterator(folder_))
    if (entry.path().extension() == ".safetensors" ||
        entry.path().string().ends_with(".index.json"))
      fs::remove(entry.path());
  write_safetensors(file, views);
  EXPECT_EQ(last_logits(folder_, job.samples[0]), want);
}

TEST(Int8Cache, TakesOneByteAValue) {
  const std::string folder = temp_path("int8_cache");
  fs::remove_all(folder);
  QuantJob job = small_job(kRecipe, {20});
  job.plan = make_plan(
      read_recipe(std::string(MSMODELSLIM_SOURCE_DIR) + "/bench/recipes/w8a8-dynamic-c8.yaml"));
  job.save_path = folder;
  quantize_model(job);
  ModelRunner runner(folder);
  SequenceCache codes = runner.new_cache();
  SequenceCache floats(runner.spec());
  for (SequenceCache* cache : {&codes, &floats}) {
    const SequenceStep step{cache, job.samples[0]};
    runner.run({&step, 1});
  }
  EXPECT_EQ(floats.bytes(), 4 * codes.bytes());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace msmodelslim
