// What is said before work about types and low-rank branches, and what svd_res and float_sparse
// leave behind.
#include "pipeline/planned_linears.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "checkpoint/ascendv1.h"
#include "recipe/recipe.h"
#include "save/verify.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kW8 =
    "    - type: linear_quant\n"
    "      qconfig:\n"
    "        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}\n"
    "        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}\n";

class Planned : public testing::Test {
 protected:
  Planned()
      : checkpoint_(golden_dir() + "/models/qwen2"),
        model_(build_model_spec(ModelConfig::read(golden_dir() + "/models/qwen2"), checkpoint_)) {
    job_.model_path = golden_dir() + "/models/qwen2";
    job_.save_path = temp_path("planned");
    job_.quiet = true;
    job_.overwrite = true;
    std::mt19937 generator(2);
    std::uniform_int_distribution<std::int32_t> token(0, 300);
    job_.samples.assign(2, std::vector<std::int32_t>(40));
    for (auto& sample : job_.samples)
      for (std::int32_t& id : sample) id = token(generator);
  }
  ~Planned() override { fs::remove_all(job_.save_path); }

  void plan(const std::string& process) {
    job_.plan = make_plan(parse_recipe("apiversion: modelslim_v1\nspec:\n  process:\n" + process +
                                           "  save: [{type: ascendv1_saver}]\n",
                                       "r.yaml"));
  }
  std::set<std::string> types() const {
    std::set<std::string> names;
    for (const PlannedLinear& linear : planned_linears(job_, model_)) names.insert(linear.type);
    return names;
  }
  std::string run() {
    quantize_model(job_);
    return read_file(job_.save_path + "/quant_model_weights-00001-of-00001.safetensors") +
           read_file(job_.save_path + "/quant_model_description.json");
  }

  CheckpointReader checkpoint_;
  ModelSpec model_;
  QuantJob job_;
};

TEST_F(Planned, PlainTypesNeedNoWarning) {
  plan(kW8);
  EXPECT_THAT(types(), ElementsAre("W8A8_DYNAMIC"));
  EXPECT_THAT(linear_warnings(job_, model_), IsEmpty());
}

TEST_F(Planned, TheFirstEntryDecides) {
  plan("    - {type: float_sparse, include: ['*mlp*']}\n    - {type: svd_res, rank: 4}\n" +
       std::string(kW8));
  EXPECT_THAT(types(), ElementsAre("W16A16S", "W8A8_SVD_DYNAMIC"));
  job_.exclude = {"*q_proj"};
  EXPECT_THAT(types(), ElementsAre("FLOAT", "W16A16S", "W8A8_SVD_DYNAMIC"));
}

TEST_F(Planned, OneWarningForEachTypeThatNoEngineLoads) {
  plan(
      "    - {type: float_sparse, include: ['*mlp*']}\n"
      "    - {type: svd_res, rank: 4, include: ['*self_attn*']}\n" +
      std::string(kW8));
  EXPECT_THAT(linear_warnings(job_, model_),
              ElementsAre(Pair(HasSubstr("the type W16A16S"), testing::_),
                          Pair(HasSubstr("the type W8A8_SVD_DYNAMIC"), testing::_)));
  EXPECT_NO_THROW(check_plan(job_, model_));
  job_.strict = true;
  EXPECT_THROW(check_plan(job_, model_), UsageError);
}

TEST_F(Planned, ABranchThatNobodyUsesIsSaid) {
  for (const std::string& process :
       {std::string(kW8) + "    - {type: svd_res, rank: 4, include: ['*up_proj']}\n",
        "    - {type: svd_res, rank: 4, include: ['*up_proj']}\n" + std::string(kW8) +
            "      exclude: ['*mlp*']\n"}) {
    plan(process);
    EXPECT_THAT(linear_warnings(job_, model_),
                ElementsAre(Pair(HasSubstr("svd_res selects 2 linears that no later linear_quant "
                                           "quantizes, the first is model.layers.0.mlp.up_proj"),
                                 testing::_)));
  }
}

TEST_F(Planned, ARankThatIsTooLargeIsRefused) {
  plan("    - {type: svd_res, rank: 33}\n" + std::string(kW8));  // k_proj and v_proj have 32 rows
  try {
    check_plan(job_, model_);
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_THAT(e.what(), HasSubstr("of 4 linears, the first is model.layers.0.self_attn.k_proj"));
  }
  plan("    - {type: svd_res, rank: 32}\n" + std::string(kW8));
  EXPECT_NO_THROW(check_plan(job_, model_));
}

// linear_quant makes the branch of the weight that it finds.
TEST_F(Planned, SmoothingMayComeBeforeOrAfter) {
  const std::string svd = "    - {type: svd_res, rank: 4}\n";
  const std::string smooth = "    - {type: iter_smooth}\n";
  plan(svd + smooth + kW8);
  const std::string first = run();
  plan(smooth + svd + kW8);
  EXPECT_EQ(first == run(), true);
}

TEST_F(Planned, BytesDoNotDependOnTheThreads) {
  plan(
      "    - {type: float_sparse, include: ['*mlp*']}\n"
      "    - {type: svd_res, rank: 4}\n"
      "    - type: linear_quant\n"
      "      qconfig:\n"
      "        act: {dtype: int8, scope: per_tensor, symmetric: false, method: minmax}\n"
      "        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}\n");
  std::set<std::string> outputs;
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    outputs.insert(run());
  }
  set_thread_count(available_threads());
  EXPECT_EQ(outputs.size(), 1U);
}

TEST_F(Planned, VerifyMissesALowRankFactor) {
  plan("    - {type: svd_res, rank: 4, include: ['*up_proj']}\n" + std::string(kW8));
  run();
  EXPECT_THAT(find_problems(job_.save_path, model_, {}, true), IsEmpty());
  const std::string path = job_.save_path + "/quant_model_description.json";
  Json description = read_description(job_.save_path);
  description["model.layers.0.mlp.gate_proj.weight"] = "W8A8_SVD_DYNAMIC";
  write_file_atomic(path, description.dump());
  EXPECT_THAT(find_problems(job_.save_path, model_, {}, true),
              testing::Contains(HasSubstr("gate_proj.svd_lowrank_l1 is missing")));
}

}  // namespace
}  // namespace msmodelslim
