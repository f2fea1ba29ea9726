// Input ranges chosen by histogram: on the calibration set they cost no more squared error than
// those of minmax, and than the Python tool's own histogram, which are the last sample's.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/json.h"
#include "forward/run.h"
#include "golden/compare.h"
#include "kernels/ops.h"
#include "model/build.h"
#include "observe/rows.h"
#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

constexpr const char* kModel = "/models/qwen2";

// Per linear, sum of (x - fq(x))^2 with the folder's input_scale and input_offset over the float
// model's inputs.
std::map<std::string, double> input_errors(const std::string& path,
                                           const std::vector<std::vector<std::int32_t>>& samples) {
  const QuantizedFolder folder(path);
  const CheckpointReader checkpoint(golden_dir() + kModel);
  const ModelSpec model = build_model_spec(ModelConfig::read(golden_dir() + kModel), checkpoint);
  PackedStates states = embed_samples(model, checkpoint, samples);
  const RopeTable rope(model.rope, states.rows);
  Workspace workspace;
  std::map<std::string, double> errors;
  for (const BlockSpec& spec : model.blocks) {
    Block block(spec, checkpoint);
    std::vector<std::string> names;
    for (const LinearSpec* linear : spec.linears()) names.push_back(linear->name);
    RowsTap tap(names, spread_rows(states.sequences, states.rows));
    FloatLinearOp op(DType::kF32);
    run_block_on(model, block, states, true, rope, op, {&tap}, workspace);
    for (const std::string& name : names) {
      const std::vector<float>& x = tap.rows(name);
      std::vector<float> y(x.size());
      fake_quantize_s8(x.data(), *folder.at(name + ".input_scale").as<float>(),
                       *folder.at(name + ".input_offset").as<float>(), y.data(),
                       static_cast<std::int64_t>(x.size()));
      double& sum = errors[name];
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double d = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        sum += d * d;
      }
    }
  }
  return errors;
}

class HistogramGolden : public testing::TestWithParam<const char*> {};

TEST_P(HistogramGolden, CostsNoMoreThanMinmaxAndThanTheTool) {
  REQUIRE_SHARED("golden/cases");
  const std::string cases = golden_dir() + "/cases/";
  const std::string tool = cases + "qwen2-w8a8-static-hist-" + GetParam();
  const std::string minmax = cases + "qwen2-w8a8-static-" + GetParam();
  QuantJob job;
  job.model_path = golden_dir() + kModel;
  job.save_path = temp_path(std::string("histogram_") + GetParam());
  job.plan = make_plan(read_recipe(tool + "/recipe.yaml"));
  job.quiet = job.overwrite = true;
  const Json calibration = read_json_file(tool + "/calib_tokens.json");
  for (const Json& ids : calibration.at(0).at("input_ids"))
    job.samples.push_back(ids.get<std::vector<std::int32_t>>());
  quantize_model(job);
  const auto ours = input_errors(job.save_path, job.samples);
  double sum = 0;
  double sum_minmax = 0;
  // 5 %: ranges are chosen on inputs that earlier linears have quantized, others than here.
  for (const std::string& other : {minmax + "/expected", tool + "/expected"}) {
    const auto theirs = input_errors(other, job.samples);
    for (const auto& [name, error] : ours) {
      EXPECT_LE(error, 1.05 * theirs.at(name)) << name << " against " << other;
      if (other.starts_with(minmax + "/")) {
        sum += error / theirs.at(name);
        ++sum_minmax;
      }
    }
  }
  EXPECT_LT(sum, sum_minmax);
  std::filesystem::remove_all(job.save_path);
}

INSTANTIATE_TEST_SUITE_P(Symmetry, HistogramGolden, testing::Values("asym", "sym"));

}  // namespace
}  // namespace msmodelslim
