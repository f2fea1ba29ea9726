// The folder is scored from its own tensors: damage to any of them shows.
#include "eval/perplexity.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "checkpoint/reader.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class EvalTest : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(folder_); }
  void SetUp() override {
    float_ = golden_dir() + "/models/qwen2";
    folder_ = temp_path("eval_q");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    const std::string source = golden_dir() + "/cases/qwen2-w8a8-static-asym/expected";
    for (const auto& item : fs::directory_iterator(source)) {
      fs::copy(item.path(), fs::path(folder_) / item.path().filename());
      fs::permissions(fs::path(folder_) / item.path().filename(), fs::perms::owner_all);
    }
    std::mt19937 generator(3);
    std::uniform_int_distribution<std::int32_t> token(0, 300);
    for (int i = 0; i < 130; ++i) ids_.push_back(token(generator));
  }

  double kl() {
    PerplexityOptions options;
    options.model_paths = {folder_};
    options.float_path = float_;
    options.seqlen = 64;
    return evaluate_perplexity(options, ids_).front().kl->mean;
  }

  // Writes the weights again after `change` had the list of names and tensors.
  template <typename Change>
  void rewrite(const Change& change) {
    const std::string path = folder_ + "/quant_model_weights-00001-of-00001.safetensors";
    std::vector<std::pair<std::string, Tensor>> tensors;
    {
      const SafetensorsFile file(path);
      for (const auto& entry : file.entries())
        tensors.emplace_back(entry.name, Tensor::copy_of(file.view(entry)));
    }
    change(tensors);
    std::vector<NamedTensor> views;
    for (const auto& [name, tensor] : tensors) views.push_back({name, tensor.view()});
    write_safetensors(path, views);
    fs::remove(folder_ + "/quant_model_weights.safetensors.index.json");
  }

  template <typename Change>
  void edit(const Change& change) {
    rewrite([&](auto& tensors) {
      std::erase_if(tensors, [&](auto& t) { return change(t.first, t.second); });
    });
  }

  std::string float_;
  std::string folder_;
  std::vector<std::int32_t> ids_;
};

TEST_F(EvalTest, FloatModelAgreesWithItself) {
  PerplexityOptions options;
  options.model_paths = {float_};
  options.float_path = float_;
  options.seqlen = 64;
  const PerplexityResult result = evaluate_perplexity(options, ids_).front();
  EXPECT_EQ(result.windows, 2);
  EXPECT_EQ(result.predictions, 126);
  EXPECT_EQ(result.kl->mean, 0);
  EXPECT_EQ(*result.top1_agreement, 1);
  EXPECT_EQ(result.perplexity, *result.float_perplexity);
}

TEST_F(EvalTest, SeveralFoldersAreScoredAsEachAlone) {
  PerplexityOptions options;
  options.model_paths = {folder_, float_};
  options.float_path = float_;
  options.seqlen = 64;
  const auto results = evaluate_perplexity(options, ids_);
  ASSERT_EQ(results.size(), 2);
  EXPECT_EQ(results[0].kl->mean, kl());
  EXPECT_EQ(results[1].kl->mean, 0);
  EXPECT_EQ(results[1].perplexity, *results[0].float_perplexity);
}

TEST_F(EvalTest, EveryKindOfDamageMovesTheDivergence) {
  const double good = kl();
  EXPECT_GT(good, 0);
  EXPECT_LT(good, 0.2);
  edit([](const std::string& name, Tensor& tensor) {
    if (name == "model.layers.0.mlp.up_proj.deq_scale")
      tensor.as<std::int64_t>()[3] ^= 1LL << 24;  // twice or half the scale
    return false;
  });
  EXPECT_NE(kl(), good);
}

TEST_F(EvalTest, DroppedQuantBiasIsRefused) {
  edit([](const std::string& name, Tensor&) {
    return name == "model.layers.0.self_attn.q_proj.quant_bias";
  });
  EXPECT_THROW(kl(), DataError);
}

TEST_F(EvalTest, DesynchronisedInputScalesMoveTheDivergence) {
  const double good = kl();
  edit([](const std::string& name, Tensor& tensor) {
    if (name == "model.layers.0.self_attn.v_proj.input_scale") tensor.as<float>()[0] *= 1.5F;
    return false;
  });
  EXPECT_GT(kl(), good * 1.5);
}

TEST_F(EvalTest, ZeroedQuantBiasMovesTheDivergence) {
  const double good = kl();
  edit([](const std::string& name, Tensor& tensor) {
    if (name == "model.layers.1.self_attn.o_proj.quant_bias")
      for (std::int64_t i = 0; i < tensor.count(); ++i) tensor.as<std::int32_t>()[i] = 0;
    return false;
  });
  EXPECT_GT(kl(), good);
}

// The same folder with an int8 KV cache.
class EvalKvCacheTest : public EvalTest {
 protected:
  void SetUp() override {
    EvalTest::SetUp();
    without_ = kl();
    cache(0.1F);
    Json description = read_json_file(folder_ + "/quant_model_description.json");
    description["kv_cache_type"] = "C8";
    std::ofstream(folder_ + "/quant_model_description.json") << description.dump();
  }

  void cache(float key_scale) {
    rewrite([&](auto& tensors) {
      for (const char* layer : {"0", "1"})
        for (const char* projection : {"k_proj", "v_proj"})
          for (const char* what : {"scale", "offset"}) {
            const std::string name = std::string("model.layers.") + layer + ".self_attn." +
                                     projection + ".kv_cache_" + what;
            std::erase_if(tensors, [&](auto& t) { return t.first == name; });
            const float value = *what == 'o' ? 3.0F : *projection == 'k' ? key_scale : 0.1F;
            const std::vector<float> values(32, value);
            tensors.emplace_back(name, from_f32(values.data(), {32}, DType::kF32));
          }
    });
  }

  double without_ = 0;
};

TEST_F(EvalKvCacheTest, TheCacheCounts) {
  const double good = kl();
  EXPECT_NE(good, without_);
  EXPECT_LT(good, without_ + 0.2);
  cache(0.0001F);  // clamps every key
  EXPECT_GT(kl(), good * 1.2);
}

TEST_F(EvalKvCacheTest, WithoutTheKeyInTheDescriptionTheCacheIsFloat) {
  Json description = read_json_file(folder_ + "/quant_model_description.json");
  description.erase("kv_cache_type");
  std::ofstream(folder_ + "/quant_model_description.json") << description.dump();
  EXPECT_EQ(kl(), without_);
}

TEST_F(EvalKvCacheTest, AMissingOffsetIsRefused) {
  EXPECT_GT(kl(), 0);
  edit([](const std::string& name, Tensor&) {
    return name == "model.layers.0.self_attn.k_proj.kv_cache_offset";
  });
  EXPECT_THROW(kl(), DataError);
}

TEST_F(EvalKvCacheTest, AZeroScaleIsRefused) {
  cache(0);
  EXPECT_THROW(kl(), DataError);
}

TEST_F(EvalTest, RefusesATextOfOneToken) {
  ids_.resize(1);
  EXPECT_THROW(kl(), DataError);
}

}  // namespace
}  // namespace msmodelslim
