// Folders with FlatQuant transforms are computed from their own tensors, for every type that a
// linear can get after flatquant.
#include <gtest/gtest.h>

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

class FlatQuantTypes : public testing::Test {
 protected:
  FlatQuantTypes() {
    std::mt19937 generator(5);
    for (int i = 0; i < 130; ++i) ids_.push_back(static_cast<std::int32_t>(generator() % 300));
    job_.model_path = golden_dir() + "/models/qwen2";
    job_.save_path = temp_path("flatquant_types");
    job_.quiet = true;
    job_.overwrite = true;
    job_.samples = {{ids_.begin(), ids_.begin() + 40}};
  }
  ~FlatQuantTypes() override { fs::remove_all(job_.save_path); }

  void quantize(const std::string& process) {
    job_.plan = make_plan(
        parse_recipe("apiversion: modelslim_v1\nspec:\n  process:\n    - {type: flatquant}\n" +
                         process + "  save: [{type: ascendv1_saver, part_file_size: 0}]\n",
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
  void set_clip_ratios(float ratio) {
    edit([ratio](const std::string& name, Tensor& tensor) {
      if (name.ends_with(".clip_ratio")) tensor.as<float>()[0] = ratio;
      return false;
    });
  }

  static std::string linear_quant(const std::string& act, const std::string& weight) {
    return "    - {type: linear_quant, qconfig: {act: {" + act + "}, weight: {" + weight +
           ", symmetric: true, method: minmax}}}\n";
  }

  std::vector<std::int32_t> ids_;
  QuantJob job_;
};

const char* const kInt4 =
    "    - type: autoround_quant\n"
    "      iters: 2\n"
    "      strategies:\n"
    "        - qconfig:\n"
    "            act: {dtype: int4, scope: per_token, symmetric: true, method: minmax}\n"
    "            weight: {dtype: int4, scope: per_channel, symmetric: true, method: autoround}\n";

// Without the transform the result would be far off; without it in calibration a static range too.
TEST_F(FlatQuantTypes, AreComputedWithTheirTransform) {
  const std::pair<const char*, const char*> pairs[] = {
      {"dtype: int8, scope: per_tensor, symmetric: false, method: minmax",
       "dtype: int8, scope: per_channel"},
      {"dtype: int8, scope: per_token, method: minmax, symmetric: true",
       "dtype: int8, scope: per_channel"},
      {"dtype: int8, scope: per_token, method: minmax, symmetric: true",
       "dtype: int4, scope: per_channel"},
      {"dtype: float, scope: per_tensor, method: none, symmetric: true",
       "dtype: int8, scope: per_channel"},
      {"dtype: mxfp4, scope: per_block, method: minmax, symmetric: true",
       "dtype: mxfp4, scope: per_block"}};
  for (const auto& [act, weight] : pairs) {
    quantize(linear_quant(act, weight));
    EXPECT_LT(kl(), 0.5) << act;
    const double whole = kl();
    set_clip_ratios(0.5F);  // not used by these
    EXPECT_EQ(kl(), whole) << act;
  }
}

TEST_F(FlatQuantTypes, Int4InputsAreClipped) {
  quantize(kInt4);
  const double learned = kl();
  set_clip_ratios(0.3F);
  EXPECT_GT(kl(), learned);
}

TEST_F(FlatQuantTypes, MissingMatricesAreAnError) {
  quantize("");
  EXPECT_LT(kl(), 0.5);
  edit([](const std::string& name, Tensor&) {
    return name.ends_with("layers.1.mlp.up_proj.left_trans");
  });
  EXPECT_THROW(kl(), DataError);
}

}  // namespace
}  // namespace msmodelslim
