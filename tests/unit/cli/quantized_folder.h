#pragma once
// A small model quantized by a recipe's processors; its folder is computed from its own tensors.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "checkpoint/safetensors.h"
#include "eval/compare.h"
#include "eval/perplexity.h"
#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {

class QuantizedFolder : public testing::Test {
 protected:
  // The first `calibration` of 130 random tokens, which all count in kl().
  explicit QuantizedFolder(std::ptrdiff_t calibration,
                           const std::string& model = golden_dir() + "/models/qwen2",
                           std::int32_t last_token = 300) {
    std::mt19937 generator(5);
    std::uniform_int_distribution<std::int32_t> token(0, last_token);
    for (int i = 0; i < 130; ++i) ids_.push_back(token(generator));
    job_.model_path = model;
    job_.save_path = temp_path("quantized_folder");
    job_.quiet = true;
    job_.overwrite = true;
    job_.samples = {{ids_.begin(), ids_.begin() + calibration}};
  }
  ~QuantizedFolder() override { fs::remove_all(job_.save_path); }

  // From here on quantize() scores the tokens that kl() does, on its way.
  void prove_on_the_way() {
    job_.held_out = {{ids_.begin(), ids_.begin() + 64}, {ids_.begin() + 64, ids_.begin() + 128}};
  }

  QuantSummary quantize(const std::string& process) {
    job_.plan = make_plan(parse_recipe("apiversion: modelslim_v1\nspec:\n  process:\n" + process +
                                           "  save: [{type: ascendv1_saver, part_file_size: 0}]\n",
                                       "r.yaml"));
    return quantize_model(job_);
  }

  double kl() const { return scores().kl->mean; }
  PerplexityResult scores() const {
    PerplexityOptions options;
    options.model_paths = {job_.save_path};
    options.float_path = job_.model_path;
    options.seqlen = 64;
    return evaluate_perplexity(options, ids_).front();
  }

  Comparison compare() const {
    CompareOptions options;
    options.model_path = job_.save_path;
    options.float_path = job_.model_path;
    options.seqlen = 64;
    return compare_models(options, ids_);
  }
  void remove_file(const std::string& name) const {
    EXPECT_TRUE(fs::remove(job_.save_path + "/" + name));
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

 private:
  std::vector<std::int32_t> ids_;
  QuantJob job_;
};

}  // namespace msmodelslim
