// Several ranks write the bytes that one process writes.
#include <gmock/gmock.h>

#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "rank_world.h"
#include "unit/pipeline/recipes.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

constexpr const char* kSolved = R"(
apiversion: modelslim_v1
spec:
  process:
    - {type: iter_smooth}
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: gptq}
      include: ['*self_attn*']
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_tensor, symmetric: false, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: gptq, ext: {act_order: true}}
  save: [{type: ascendv1_saver}]
)";

constexpr const char* kCached = R"(
apiversion: modelslim_v1
spec:
  process:
    - {type: kv_smooth}
    - type: dynamic_cache
      qconfig: {scope: per_channel, dtype: int8, symmetric: false, method: minmax}
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: pd_mix, symmetric: false, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: ssz}
      include: ['*down_proj']
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}
        weight: {dtype: int4, scope: per_channel, symmetric: true, method: ssz}
  save: [{type: ascendv1_saver}]
)";

constexpr const char* kExperts = R"(
apiversion: modelslim_v1
spec:
  process:
    - {type: iter_smooth}
    - type: linear_quant
      exclude: ['*gate']
      qconfig:
        act: {dtype: int8, scope: per_tensor, symmetric: false, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: gptq}
  save: [{type: ascendv1_saver}]
)";

// Six chunks; three ranks get two each.
const std::vector<int> kLengths = {3, 700, 41, 1500, 900, 1300, 5, 1100, 1999};

std::string tiny(const std::string& name) {
  return std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/" + name;
}

// Every file but the journal of the run, by name.
std::map<std::string, std::string> files_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& item : fs::directory_iterator(folder))
    files[item.path().filename().string()] = read_file(item.path().string());
  return files;
}

std::map<std::string, std::string> quantized_by(int ranks, QuantJob job) {
  job.save_path = temp_path("ranks");
  job.overwrite = true;
  RankWorld(ranks).run([&](Ranks& rank) {
    QuantJob mine = job;
    mine.ranks = &rank;
    quantize_model(mine);
  });
  auto files = files_of(job.save_path);
  fs::remove_all(job.save_path);
  return files;
}

void expect_same_bytes(const QuantJob& job) {
  set_thread_count(1);
  const auto alone = quantized_by(1, job);
  EXPECT_GT(alone.size(), 2U);
  for (int ranks : {2, 3}) EXPECT_TRUE(quantized_by(ranks, job) == alone) << ranks << " ranks";
  set_thread_count(available_threads());
}

class RanksOfRecipes : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Recipes, RanksOfRecipes,
                         testing::Values(kRecipe, kSolved, kCached, kRotated, kLearned));

TEST_P(RanksOfRecipes, WriteTheBytesOfOneProcess) {
  expect_same_bytes(small_job(GetParam(), kLengths));
}

class RanksOfExperts : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Models, RanksOfExperts,
                         testing::Values("mixtral", "qwen2_moe", "qwen3_moe", "deepseek_v3",
                                         "deepseek_v32", "glm4_moe_lite", "gpt_oss", "qwen3_next"));

TEST_P(RanksOfExperts, WriteTheBytesOfOneProcess) {
  QuantJob job = small_job(kExperts, kLengths);
  job.model_path = tiny(GetParam());
  job.pedigree = "default";
  for (auto& sample : job.samples)
    for (std::int32_t& id : sample) id %= 40;  // some experts get few tokens
  job.expert_min_tokens = 500;
  expect_same_bytes(job);
}

TEST(Ranks, ThatAreMoreThanChunksHaveNothingToDo) {
  expect_same_bytes(small_job(kRecipe, {3, 40}));
}

TEST(Ranks, GoOnWhereOthersStopped) {
  QuantJob job = small_job(kSolved, kLengths);
  job.journal_pause = 0;
  const auto whole = quantized_by(1, job);
  job.save_path = temp_path("ranks_stopped");
  fs::remove_all(job.save_path);
  const auto work = [&](Ranks& rank) {
    QuantJob mine = job;
    mine.ranks = &rank;
    return quantize_model(mine);
  };
  const auto others = [](int ranks) { return ranks == 3 ? 1 : ranks + 1; };
  for (int ranks : {1, 2, 3}) {
    RankWorld undisturbed(ranks);
    undisturbed.run(work);
    fs::remove_all(job.save_path);
    EXPECT_THROW(RankWorld(ranks, undisturbed.calls() * 3 / 4).run(work), ResourceError);
    EXPECT_FALSE(fs::exists(job.save_path));
    RankWorld(others(ranks)).run([&](Ranks& rank) {
      const QuantSummary summary = work(rank);
      if (rank.is_root()) {
        EXPECT_GT(summary.resumed_blocks, 0);
      }
    });
    EXPECT_TRUE(files_of(job.save_path) == whole) << ranks;
    fs::remove_all(job.save_path);
  }
}

// Two that share passes, and one with passes of its own.
std::vector<QuantJob> three_jobs(const std::string& root) {
  const std::string smoothed =
      "apiversion: modelslim_v1\nspec:\n  process:\n    - {type: iter_smooth}\n";
  const auto linear = [](const char* act, const char* weight) {
    return fmt::format(
        "    - {{type: linear_quant, qconfig: {{act: {{dtype: int8, scope: {}, method: minmax}}, "
        "weight: {{dtype: {}, scope: per_channel, symmetric: true, method: gptq}}}}}}\n"
        "  save: [{{type: ascendv1_saver}}]\n",
        act, weight);
  };
  std::vector<QuantJob> jobs;
  for (const std::string& text : {smoothed + linear("per_token, symmetric: true", "int8"),
                                  smoothed + linear("per_token, symmetric: true", "int4"),
                                  smoothed + linear("per_tensor, symmetric: false", "int8")}) {
    jobs.push_back(small_job(text.c_str(), kLengths));
    jobs.back().recipe_text = text;
    jobs.back().save_path = fmt::format("{}/q{}", root, jobs.size());
    jobs.back().overwrite = true;
  }
  return jobs;
}

std::vector<QuantSummary> quantize_on(Ranks& rank, std::vector<QuantJob> jobs) {
  for (QuantJob& job : jobs) job.ranks = &rank;
  return quantize_models(std::move(jobs));
}

// What lies in `root` afterwards.
std::map<std::string, std::string> tree_of(const std::string& root) {
  std::map<std::string, std::string> files;
  for (const auto& item : fs::recursive_directory_iterator(root))
    if (item.is_regular_file())
      files[fs::relative(item.path(), root).string()] = read_file(item.path().string());
  return files;
}

class RanksOfSeveral : public testing::Test {
 protected:
  void SetUp() override {
    set_thread_count(1);
    clear();
  }
  void TearDown() override {
    fs::remove_all(root_);
    set_thread_count(available_threads());
  }
  void clear() const {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  std::map<std::string, std::string> made_by(int ranks, const std::vector<QuantJob>& jobs) const {
    RankWorld(ranks).run([&](Ranks& rank) { quantize_on(rank, jobs); });
    return tree_of(root_);
  }
  std::string root_ = temp_path("ranks_several");
};

TEST_F(RanksOfSeveral, WriteTheBytesOfOneProcess) {
  const std::vector<QuantJob> jobs = three_jobs(root_);
  const auto alone = made_by(1, jobs);
  EXPECT_GT(alone.size(), 6U);
  for (int ranks : {2, 3}) EXPECT_TRUE(made_by(ranks, jobs) == alone) << ranks << " ranks";
}

TEST_F(RanksOfSeveral, KeepAndTakeTheStatisticsOfOneProcess) {
  std::vector<QuantJob> jobs = three_jobs(root_);
  jobs.pop_back();
  for (QuantJob& job : jobs) job.stats_out = root_ + "/statistics";
  const auto alone = made_by(1, jobs);
  for (int ranks : {2, 3}) EXPECT_TRUE(made_by(ranks, jobs) == alone) << ranks << " ranks";
  for (QuantJob& job : jobs) {
    job.stats_in = job.stats_out;
    job.stats_out.clear();
    fs::remove_all(job.save_path);
  }
  for (int ranks : {1, 2, 3}) EXPECT_TRUE(made_by(ranks, jobs) == alone) << ranks << " ranks";
}

TEST_F(RanksOfSeveral, GoOnWhereOthersStopped) {
  std::vector<QuantJob> jobs = three_jobs(root_);
  for (QuantJob& job : jobs) job.journal_pause = 0;
  const auto whole = made_by(1, jobs);
  RankWorld undisturbed(2);
  undisturbed.run([&](Ranks& rank) { quantize_on(rank, jobs); });
  clear();
  EXPECT_THROW(
      RankWorld(2, undisturbed.calls() * 3 / 4).run([&](Ranks& rank) { quantize_on(rank, jobs); }),
      ResourceError);
  RankWorld(3).run([&](Ranks& rank) {
    const std::vector<QuantSummary> summaries = quantize_on(rank, jobs);
    if (rank.is_root()) {
      EXPECT_GT(summaries.front().resumed_blocks, 0);
    }
  });
  EXPECT_TRUE(tree_of(root_) == whole);
}

TEST_F(RanksOfSeveral, WithOtherStatisticsAreRefused) {
  std::vector<QuantJob> jobs = three_jobs(root_);
  jobs.resize(1);
  jobs[0].stats_out = root_ + "/statistics";
  made_by(1, jobs);
  jobs[0].samples.pop_back();
  jobs[0].stats_out = root_ + "/others";
  made_by(1, jobs);
  jobs = three_jobs(root_);
  jobs.resize(1);
  try {
    RankWorld(2).run([&](Ranks& rank) {
      QuantJob job = jobs[0];
      job.stats_in = root_ + (rank.is_root() ? "/statistics" : "/others");
      quantize_on(rank, {job});
    });
    FAIL() << "was not refused";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the statistics do not serve"));
  }
}

TEST(Ranks, OfDifferentCalibrationSetsAreRefused) {
  const QuantJob job = small_job(kSolved, {30, 40});
  try {
    RankWorld(2).run([&](Ranks& rank) {
      QuantJob mine = job;
      mine.save_path = temp_path("ranks_differ");
      mine.ranks = &rank;
      if (!rank.is_root()) mine.samples[1][7] = 1;
      quantize_model(mine);
    });
    FAIL() << "was not refused";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 1 and rank 0 do not work on the same: calibration"));
  }
}

TEST(Ranks, EndWithTheErrorOfOneOfThem) {
  QuantJob job = small_job(kSolved, kLengths);
  job.save_path = temp_path("ranks_fail");
  job.samples[8][0] = 1 << 30;  // of the last rank; no other looks at it
  try {
    RankWorld(3).run([&](Ranks& rank) {
      QuantJob mine = job;
      mine.ranks = &rank;
      quantize_model(mine);
    });
    FAIL() << "ended well";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("outside the vocabulary"));
  }
  EXPECT_FALSE(fs::exists(job.save_path));
}

}  // namespace
}  // namespace msmodelslim
