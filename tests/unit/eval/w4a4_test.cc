// W4A4_DYNAMIC folders: codes around an offset, as the Python tool writes asymmetric weights, mean
// the same as codes around 0, as we write them; groups count.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "checkpoint/reader.h"
#include "eval/perplexity.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

namespace fs = std::filesystem;

class W4A4 : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(folder_); }

  // The golden case as a whole folder; `change` may edit each tensor.
  template <typename Change>
  double kl(const std::string& name, const Change& change) {
    const std::string source = shared_dir() + "/golden/cases/" + name + "/expected";
    const std::string model = shared_dir() + "/golden/models/qwen3";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (const char* file : {"config.json", "quant_model_description.json"})
      fs::copy(source + "/" + file, folder_ + "/" + file);
    const SafetensorsFile weights(source + "/quant_model_weights-00001-of-00001.safetensors");
    const CheckpointReader original(model);
    std::vector<std::pair<std::string, Tensor>> tensors;
    for (const auto& entry : weights.entries())
      tensors.emplace_back(entry.name, Tensor::copy_of(weights.view(entry)));
    for (const char* stripped : {"model.embed_tokens.weight", "lm_head.weight"})
      tensors.emplace_back(stripped, Tensor::copy_of(original.at(stripped)));
    std::vector<NamedTensor> views;
    for (auto& [tensor_name, tensor] : tensors) {
      change(tensor_name, tensor);
      views.push_back({tensor_name, tensor.view()});
    }
    write_safetensors(folder_ + "/model.safetensors", views);
    PerplexityOptions options;
    options.model_paths = {folder_};
    options.float_path = model;
    options.seqlen = 64;
    std::mt19937 generator(3);
    std::uniform_int_distribution<std::int32_t> token(0, 300);
    std::vector<std::int32_t> ids;
    while (ids.size() < 130) ids.push_back(token(generator));
    return evaluate_perplexity(options, ids).front().kl->mean;
  }

  std::string folder_ = temp_path("eval_w4a4");
};

constexpr auto kAsItIs = [](const std::string&, Tensor&) {};

TEST_F(W4A4, OffsetsAreTakenOff) {
  REQUIRE_SHARED("golden/cases/qwen3-autoround-w4a4-asym");
  const double theirs = kl("qwen3-autoround-w4a4-asym", kAsItIs);
  const double ours = kl("qwen3-autoround-w4a4-asym", [](const std::string& name, Tensor& tensor) {
    for (std::int64_t i = 0; i < tensor.count(); ++i) {
      if (tensor.dtype() == DType::kI8)
        tensor.as<std::int8_t>()[i] = static_cast<std::int8_t>(tensor.as<std::int8_t>()[i] - 8);
      else if (name.ends_with(".weight_offset"))
        tensor.as<float>()[i] = 0;
    }
  });
  EXPECT_GT(theirs, 0);
  EXPECT_NEAR(ours, theirs, 1e-3 * theirs);
}

TEST_F(W4A4, EveryGroupHasItsScale) {
  REQUIRE_SHARED("golden/cases/qwen3-autoround-w4a4-g32");
  const double good = kl("qwen3-autoround-w4a4-g32", kAsItIs);
  EXPECT_GT(good, 0);
  const double bad = kl("qwen3-autoround-w4a4-g32", [](const std::string& name, Tensor& tensor) {
    if (name == "model.layers.0.self_attn.v_proj.weight_scale")
      for (std::int64_t i = 1; i < tensor.count(); i += 2) tensor.as<float>()[i] *= -4;
  });
  EXPECT_GT(bad, good);
}

}  // namespace
}  // namespace msmodelslim
