// Several recipes in one run, and statistics that are kept: each folder has the bytes of a run of
// its recipe alone, and what may not be shared is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "pipeline/statistics_file.h"
#include "unit/pipeline/recipes.h"
#include "unit/pipeline/unknown_model.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

std::string recipe(const std::string& entries, const std::string& save = "ascendv1_saver") {
  return "apiversion: modelslim_v1\nmetadata: {config_id: test}\nspec:\n  process:\n" + entries +
         "  save: [{type: " + save + "}]\n";
}

std::string linear(const std::string& act, const std::string& weight,
                   const std::string& include = "*") {
  const std::string side = act == "float" ? "{dtype: float, scope: per_tensor, symmetric: true, "
                                            "method: none}"
                                          : "{dtype: int8, scope: " + act + "}";
  return "    - {type: linear_quant, include: ['" + include + "'], qconfig: {act: " + side +
         ", weight: {" + weight + "}}}\n";
}

const std::string kPerToken = "per_token, symmetric: true, method: minmax";
const std::string kStatic = "per_tensor, symmetric: false, method: minmax";
const std::string kHistogram = "per_tensor, symmetric: false, method: histogram";
const std::string kInt8 = "dtype: int8, scope: per_channel, symmetric: true, method: minmax";
const std::string kInt4 = "dtype: int4, scope: per_channel, symmetric: true, method: ssz";
const std::string kGptq8 =
    "dtype: int8, scope: per_channel, symmetric: true, method: gptq, ext: {act_order: true}";
const std::string kGptq4 =
    "dtype: int4, scope: per_channel, symmetric: true, method: gptq, ext: {percdamp: 0.1}";
const std::string kGptq4Groups =
    "dtype: int4, scope: per_group, symmetric: true, method: gptq, ext: {group_size: 32}";
const std::string kSsz8 = "dtype: int8, scope: per_channel, symmetric: true, method: ssz";

std::string iter_smooth(double alpha) {
  return "    - {type: iter_smooth, alpha: " + std::to_string(alpha) + "}\n";
}
std::string flex_awq(const std::string& weight) {
  return "    - {type: flex_awq_ssz, qconfig: {act: {dtype: int8, scope: " + kPerToken +
         "}, weight: {" + weight + "}}}\n";
}
std::string awq(const std::string& weight, int grid) {
  return "    - {type: awq, weight_qconfig: {" + weight + "}, n_grid: " + std::to_string(grid) +
         "}\n";
}
const std::string kCache =
    "    - {type: dynamic_cache, qconfig: {dtype: int8, scope: per_channel, symmetric: true, "
    "method: minmax}}\n";

QuantJob job_of(const std::string& text, const std::vector<int>& lengths = {3, 90, 41}) {
  QuantJob job = small_job(text.c_str(), lengths);
  job.recipe_text = text;
  job.journal_pause = 1e9;
  return job;
}

std::map<std::string, std::string> files_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& item : fs::recursive_directory_iterator(folder))
    files[fs::relative(item.path(), folder).string()] =
        item.is_directory() ? "folder" : read_file(item.path().string());
  return files;
}

class Several : public testing::Test {
 protected:
  void SetUp() override {
    root_ = temp_path("several");
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ + "/" + name; }

  // The folders of `jobs` in one run, beside those of each alone.
  void expect_alike(std::vector<QuantJob> jobs) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      QuantJob alone = jobs[i];
      alone.save_path = path("alone" + std::to_string(i));
      alone.stats_in = alone.stats_out = "";
      alone_.push_back(quantize_model(alone));
      jobs[i].save_path = path("q" + std::to_string(i));
    }
    together_ = quantize_models(jobs);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      EXPECT_TRUE(files_of(path("q" + std::to_string(i))) ==
                  files_of(path("alone" + std::to_string(i))))
          << i;
      EXPECT_EQ(together_[i].tensors_hash, alone_[i].tensors_hash) << i;
      EXPECT_EQ(together_[i].details.json(), alone_[i].details.json()) << i;
      EXPECT_EQ(together_[i].calibration_tokens, alone_[i].calibration_tokens) << i;
      EXPECT_EQ(together_[i].expert_tokens, alone_[i].expert_tokens) << i;
    }
  }

  // `first` keeps its statistics, `second` takes them.
  void expect_taken(QuantJob first, QuantJob second) {
    first.save_path = path("first");
    first.stats_out = path("statistics");
    quantize_model(first);
    second.stats_in = path("statistics");
    expect_alike({second});
  }

  template <typename Work>
  static std::string error_of(const Work& work) {
    try {
      work();
    } catch (const Error& error) {
      return std::string(error.what()) + " / " + error.remedy();
    }
    return "no error";
  }

  std::string root_;
  std::vector<QuantSummary> alone_;
  std::vector<QuantSummary> together_;
};

// Two recipes, and whether they gather the same.
struct Pair {
  const char* name;
  std::string first;
  std::string second;
  bool shared;
};

void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.name; }

std::vector<Pair> pairs() {
  const std::string w8 = linear(kPerToken, kInt8);
  const std::string w4 = linear(kPerToken, kInt4);
  return {
      {"dynamic_behind_smoothing", recipe(iter_smooth(0.7) + w8), recipe(iter_smooth(0.7) + w4),
       true},
      {"another_alpha", recipe(iter_smooth(0.7) + w8), recipe(iter_smooth(0.5) + w4), true},
      {"gptq_of_other_types", recipe(linear("float", kGptq4Groups), "compressed_tensors"),
       recipe(linear("float", kGptq8)), true},
      {"gptq_with_int8_inputs", recipe(iter_smooth(0.7) + linear(kPerToken, kGptq4)),
       recipe(iter_smooth(0.7) + linear(kPerToken, kGptq8)), true},
      {"flex_awq_ssz", recipe(flex_awq(kInt8) + w8), recipe(flex_awq(kInt4) + w4), true},
      {"awq", recipe(awq(kInt8, 3) + w8), recipe(awq(kInt4, 5) + w4), true},
      {"kv_smooth", recipe("    - {type: kv_smooth, smooth_factor: 1.0}\n" + w8),
       recipe("    - {type: kv_smooth, smooth_factor: 0.5}\n" + w4), true},
      {"int8_cache", recipe(iter_smooth(0.7) + kCache + w8), recipe(iter_smooth(0.7) + kCache + w4),
       true},
      {"static_in_two_formats", recipe(iter_smooth(0.7) + linear(kStatic, kInt8)),
       recipe(iter_smooth(0.7) + linear(kStatic, kInt8), "compressed_tensors"), true},
      {"histogram_in_two_formats", recipe(linear(kHistogram, kInt8)),
       recipe(linear(kHistogram, kInt8), "compressed_tensors"), true},
      {"every_kind_of_entry", kRecipe, kRecipe, true},
      {"gptq_behind_a_rotation", kRotated, kRotated, true},
      {"static_of_other_weights", recipe(iter_smooth(0.7) + linear(kStatic, kInt8)),
       recipe(iter_smooth(0.7) + linear(kStatic, kSsz8)), false},
      {"static_next_to_dynamic", recipe(iter_smooth(0.7) + linear(kStatic, kInt8)),
       recipe(iter_smooth(0.7) + w4), false},
      {"gptq_next_to_minmax", recipe(iter_smooth(0.7) + linear(kPerToken, kGptq8)),
       recipe(iter_smooth(0.7) + w8), false},
      {"gptq_with_other_inputs", recipe(linear("float", kGptq8)), recipe(linear(kPerToken, kGptq8)),
       false},
      {"rotated_behind_smoothing", recipe(iter_smooth(0.7) + w8),
       recipe(iter_smooth(0.7) + "    - {type: quarot, export_extra_info: false}\n" + w8), false},
      {"other_linears", recipe(linear("float", kGptq8)),
       recipe(linear("float", kGptq8, "*self_attn*")), false},
      {"flex_with_and_without_a_search", recipe("    - {type: flex_smooth_quant}\n" + w8),
       recipe("    - {type: flex_smooth_quant, alpha: 0.5, beta: 0.5}\n" + w8), false},
      {"data_free", recipe(iter_smooth(0.7) + w8), recipe(w8), false},
      {"learned", kLearned, kLearned, false},
  };
}

class SeveralPairs : public Several, public testing::WithParamInterface<Pair> {};
INSTANTIATE_TEST_SUITE_P(Recipes, SeveralPairs, testing::ValuesIn(pairs()),
                         [](const auto& pair) { return std::string(pair.param.name); });

TEST_P(SeveralPairs, HaveTheBytesOfRunsByThemselves) {
  std::vector<QuantJob> jobs = {job_of(GetParam().first), job_of(GetParam().second)};
  expect_alike(jobs);
  share_passes(&jobs);
  EXPECT_EQ(jobs[1].passes_of, GetParam().shared ? 0 : -1) << jobs[1].passes;
}

TEST_P(SeveralPairs, KeptStatisticsServeWhereTheyMay) {
  QuantJob first = job_of(GetParam().first);
  QuantJob second = job_of(GetParam().second);
  if (GetParam().shared) {
    expect_taken(first, second);
    return;
  }
  first.save_path = path("first");
  first.stats_out = path("statistics");
  second.save_path = path("second");
  second.stats_in = path("statistics");
  const std::string name = GetParam().name;
  if (name == "learned") {
    EXPECT_THAT(error_of([&] { quantize_model(first); }), HasSubstr("learns on the hidden states"));
    return;
  }
  quantize_model(first);
  EXPECT_THAT(error_of([&] { quantize_model(second); }),
              name == "data_free"                  ? HasSubstr("no recipe needs it")
              : name == "rotated_behind_smoothing" ? HasSubstr("quarot) is in one of them only")
              : name == "static_next_to_dynamic" || name == "gptq_next_to_minmax"
                  ? HasSubstr("entry 2 (linear_quant) is in one of them only")
                  : HasSubstr("differs"));
  EXPECT_FALSE(fs::exists(path("second")));
}

// With 4 experts and few tokens some of them get none.
TEST_F(Several, ExpertsWithoutTokensAreHandledAsInARunAlone) {
  for (const ExpertFallback fallback :
       {ExpertFallback::kAllTokens, ExpertFallback::kNearest, ExpertFallback::kDynamic}) {
    std::vector<QuantJob> jobs;
    for (const std::string& weight : {kGptq8, kGptq4}) {
      QuantJob job = job_of(recipe(iter_smooth(0.6) + linear(kPerToken, weight)), {3});
      job.model_path = golden_dir() + "/models/qwen3_moe";
      job.pedigree = "qwen3_moe";
      job.expert_fallback = fallback;
      job.expert_min_tokens = 2;
      job.save_path = path("x");
      jobs.push_back(std::move(job));
    }
    fs::remove_all(root_);
    fs::create_directories(root_);
    alone_.clear();
    expect_alike(jobs);
    fs::remove_all(root_);
    fs::create_directories(root_);
    alone_.clear();
    expect_taken(jobs[0], jobs[1]);
  }
}

// Latent attention, and a layer that predicts the token after the next.
TEST_F(Several, NextTokenLayersAndLatentAttentionCanShare) {
  std::vector<QuantJob> jobs;
  for (const std::string& weight : {kInt8, kInt4}) {
    QuantJob job = job_of(recipe("    - {type: iter_smooth, ignore_adapter: true}\n"
                                 "    - {type: fa3_quant}\n" +
                                 linear(kPerToken, weight)),
                          {3, 20});
    job.model_path = golden_dir() + "/models/deepseek_v3";
    job.pedigree = "deepseek_v3";
    jobs.push_back(std::move(job));
  }
  expect_alike(jobs);
  EXPECT_EQ(together_.size(), 2U);
  fs::remove_all(root_);
  fs::create_directories(root_);
  alone_.clear();
  expect_taken(jobs[0], jobs[1]);
}

TEST_F(Several, OtherSetsAndOptionsAreNotShared) {
  const std::string text = recipe(iter_smooth(0.7) + linear(kPerToken, kInt8));
  std::vector<QuantJob> jobs = {job_of(text), job_of(text), job_of(text), job_of(text)};
  jobs[1].samples.back().back() += 1;
  jobs[2].exclude = {"*.0.*"};
  jobs[3].samples.back().back() += 1;
  expect_alike(jobs);
  share_passes(&jobs);
  EXPECT_EQ(jobs[1].passes_of, -1);
  EXPECT_THAT(jobs[1].passes, HasSubstr("calibration set"));
  EXPECT_EQ(jobs[2].passes_of, -1);
  EXPECT_EQ(jobs[3].passes_of, 1);
}

TEST_F(Several, ScriptDrivenRecipesCanShare) {
  const std::string head = R"(
apiversion: modelslim_v0
spec:
  anti_cfg: {anti_method: m2}
  calib_cfg: {a_bit: 8, w_bit: 8, act_method: 1, disable_last_linear: false, use_kvcache_quant: true}
  anti_dataset: mix_calib.jsonl
  calib_dataset: mix_calib.jsonl
)";
  std::vector<QuantJob> jobs = {job_of(head), job_of(head)};
  jobs[0].anti_samples = jobs[1].anti_samples = {jobs[0].samples[1]};
  expect_alike(jobs);
  share_passes(&jobs);
  EXPECT_EQ(jobs[1].passes_of, 0);
  fs::remove_all(root_);
  fs::create_directories(root_);
  alone_.clear();
  expect_taken(jobs[0], jobs[1]);
}

TEST_F(Several, ASharedRunTakesStatisticsFromAFile) {
  QuantJob first = job_of(recipe(iter_smooth(0.7) + linear(kPerToken, kInt8)));
  QuantJob second = job_of(recipe(iter_smooth(0.5) + linear(kPerToken, kInt4)));
  QuantJob third = job_of(recipe(linear(kPerToken, kInt8)));
  for (QuantJob* job : {&first, &second, &third}) job->stats_out = path("statistics");
  expect_alike({third, first, second});
  fs::remove_all(path("q0"));
  for (QuantJob* job : {&first, &second, &third}) {
    job->stats_out = "";
    job->stats_in = path("statistics");
  }
  third.save_path = path("q0");
  first.save_path = path("r1");
  second.save_path = path("r2");
  quantize_models({third, first, second});
  EXPECT_TRUE(files_of(path("r1")) == files_of(path("alone1")));
  EXPECT_TRUE(files_of(path("r2")) == files_of(path("alone2")));
}

TEST_F(Several, WhatDoesNotFitTheStatisticsIsNamed) {
  QuantJob first = job_of(recipe(iter_smooth(0.7) + linear(kPerToken, kInt8)));
  first.save_path = path("first");
  first.stats_out = path("statistics");
  quantize_model(first);
  const auto with = [&](const auto& change) {
    QuantJob job = first;
    job.save_path = path("second");
    job.stats_out = "";
    job.stats_in = path("statistics");
    change(job);
    return error_of([&] { quantize_model(job); });
  };
  EXPECT_THAT(with([](QuantJob& job) { job.samples.pop_back(); }),
              HasSubstr("calibration set differ"));
  EXPECT_THAT(with([](QuantJob& job) { job.exclude = {"*.0.*"}; }), HasSubstr("options differ"));
  EXPECT_THAT(with([](QuantJob& job) { job.model_path = golden_dir() + "/models/qwen2"; }),
              HasSubstr("model differ"));
  EXPECT_THAT(with([](QuantJob& job) { job.layers = 1; }), HasSubstr("model differ"));
  const std::string bytes = read_file(path("statistics"));
  Json header = StatisticsFile(bytes, "x").header();
  header["print"]["version"] = "0.0";
  header.erase("blocks");
  fs::remove(path("statistics"));
  StatisticsWriter writer(path("statistics"), header, 2);
  writer.go_on(0);
  for (int i = 0; i < 3; ++i) writer.add({});
  writer.publish();
  EXPECT_THAT(with([](QuantJob&) {}), HasSubstr("version differ"));
}

TEST_F(Several, NothingToKeepAndTwoThingsToKeepAreRefused) {
  QuantJob dynamic = job_of(recipe(iter_smooth(0.7) + linear(kPerToken, kInt8)));
  QuantJob gptq = job_of(recipe(linear("float", kGptq8)));
  QuantJob free = job_of(recipe(linear(kPerToken, kInt8)));
  for (QuantJob* job : {&dynamic, &gptq, &free}) job->stats_out = path("statistics");
  dynamic.save_path = path("a");
  gptq.save_path = path("b");
  free.save_path = path("c");
  EXPECT_THAT(error_of([&] { quantize_model(free); }), HasSubstr("nothing to keep"));
  EXPECT_THAT(error_of([&] {
                quantize_models({dynamic, gptq});
              }),
              HasSubstr("passes of their own"));
  EXPECT_TRUE(fs::is_empty(root_));
}

TEST_F(Several, CutAndChangedFilesAreRefused) {
  QuantJob job = job_of(recipe(iter_smooth(0.7) + linear(kPerToken, kInt8)));
  job.save_path = path("first");
  job.stats_out = path("statistics");
  quantize_model(job);
  const std::string whole = read_file(path("statistics"));
  const auto read = [](const std::string& bytes) {
    const StatisticsFile file(bytes, "x");
    for (std::size_t i = 0; i <= file.blocks(); ++i) file.record(i);
  };
  read(whole);
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 700)
    EXPECT_THROW(read(whole.substr(0, size)), DataError) << size;
  EXPECT_THROW(read(whole + "x"), DataError);
  for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 700) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    if (at >= 12 && at < 16) continue;  // not used
    EXPECT_THROW(read(changed), DataError) << at;
  }
}

// Well-formed files that do not fit the model: sizes are checked before anything is used.
TEST_F(Several, PartsOfOtherSizesAreRefused) {
  QuantJob job = job_of(recipe(iter_smooth(0.7) + linear(kStatic, kGptq8)));
  job.save_path = path("first");
  job.stats_out = path("statistics");
  quantize_model(job);
  const std::string bytes = read_file(path("statistics"));
  const StatisticsFile file(bytes, "x");
  Json header = file.header();
  header.erase("blocks");
  std::mt19937 generator(3);
  const GatheredView first = file.record(0);
  const auto pick = [&](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most - 1)(generator);
  };
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    fs::remove(path("statistics"));
    StatisticsWriter writer(path("statistics"), header, file.blocks());
    writer.go_on(0);
    for (std::size_t i = 0; i <= file.blocks(); ++i) {
      GatheredBlock block;
      const GatheredView view = file.record(i);
      for (const auto& [entry, parts] : view.passes)
        for (const auto& part : parts) block.passes[entry].emplace_back(part.begin(), part.end());
      if (i == 0) {
        auto& parts =
            std::next(block.passes.begin(), static_cast<std::ptrdiff_t>(pick(block.passes.size())))
                ->second;
        Bytes& part = parts[pick(parts.size())];
        if (round % 3 == 0 && !part.empty())
          part.resize(pick(part.size()));
        else if (round % 3 == 1)
          part.push_back(std::byte{0});
        else
          parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(pick(parts.size())));
      }
      writer.add(block);
    }
    writer.publish();
    QuantJob second = job;
    second.save_path = path("second");
    second.stats_out = "";
    second.stats_in = path("statistics");
    try {
      quantize_model(second);
    } catch (const DataError&) {
      ++refused;
    }
    EXPECT_FALSE(fs::exists(path("second"))) << round;
  }
  EXPECT_EQ(refused, 60);
}

TEST_F(Several, RecipesOfAModelWithoutAForwardPassTakeTurnsAtATensor) {
  const std::string model = temp_path("several_model");
  write_unknown_model(model, 3);
  std::vector<QuantJob> jobs = {job_of(recipe(linear(kPerToken, kInt8))),
                                job_of(recipe(linear(kPerToken, kInt4, "*attn*")))};
  for (QuantJob& job : jobs) job.model_path = model;
  expect_alike(jobs);
  fs::remove_all(model);
}

class SeveralResume : public Several {
 protected:
  // In a process of its own, killed after so many seconds. True: it came to its end.
  static bool run(const std::vector<QuantJob>& jobs, double killed_after) {
    const pid_t child = ::fork();
    if (child == 0) {
      itimerval timer{};
      timer.it_value.tv_sec = static_cast<time_t>(killed_after);
      timer.it_value.tv_usec = static_cast<suseconds_t>(
          1 + 1e6 * (killed_after - static_cast<double>(timer.it_value.tv_sec)));
      ::setitimer(ITIMER_REAL, &timer, nullptr);
      try {
        quantize_models(jobs);
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGALRM : WEXITSTATUS(status) == 0);
    return !WIFSIGNALED(status);
  }
  void kill_often(std::vector<QuantJob> jobs, int most_kills);
};

void SeveralResume::kill_often(std::vector<QuantJob> jobs, int most_kills) {
  set_thread_count(1);  // a child has no other threads
  const bool keeps = !jobs.front().stats_out.empty();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].save_path = path("whole" + std::to_string(i));
    if (keeps) jobs[i].stats_out = path("whole_statistics");
  }
  const auto start = std::chrono::steady_clock::now();
  quantize_models(jobs);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].save_path = path("q" + std::to_string(i));
    if (keeps) jobs[i].stats_out = path("q_statistics");
    jobs[i].overwrite = true;  // killed between the names
    jobs[i].journal_pause = 0;
  }
  std::mt19937 generator(5);
  std::uniform_real_distribution<double> delay(0, seconds);
  for (int kills = 0; kills < most_kills;) {
    for (std::size_t i = 0; i < jobs.size(); ++i) fs::remove_all(jobs[i].save_path);
    while (!run(jobs, delay(generator))) ++kills;
    for (std::size_t i = 0; i < jobs.size(); ++i)
      EXPECT_TRUE(files_of(jobs[i].save_path) == files_of(path("whole" + std::to_string(i)))) << i;
    if (keeps) {
      EXPECT_EQ(read_file(path("q_statistics")), read_file(path("whole_statistics")));
    }
  }
  std::size_t left = 0;
  for ([[maybe_unused]] const auto& item : fs::directory_iterator(root_)) ++left;
  EXPECT_EQ(left, 2 * (jobs.size() + (keeps ? 1 : 0))) << "something is left beside the results";
  set_thread_count(available_threads());
}

TEST_F(SeveralResume, GoesOnAfterBeingKilled) {
  std::vector<QuantJob> jobs = {job_of(recipe(iter_smooth(0.7) + linear(kPerToken, kGptq8))),
                                job_of(recipe(iter_smooth(0.7) + linear(kPerToken, kGptq4))),
                                job_of(recipe(linear(kPerToken, kInt8)))};
  for (QuantJob& job : jobs) {
    job.stats_out = path("statistics");
    job.held_out = {job.samples[1]};
  }
  kill_often(std::move(jobs), 25);
}

TEST_F(SeveralResume, AModelWithoutAForwardPassGoesOnAfterBeingKilled) {
  const std::string model = temp_path("several_model");
  write_unknown_model(model, 2);
  std::vector<QuantJob> jobs = {job_of(recipe(linear(kPerToken, kInt8))),
                                job_of(recipe(linear(kPerToken, kSsz8, "*attn*"))),
                                job_of(recipe(linear("float", kInt8), "compressed_tensors"))};
  for (QuantJob& job : jobs) job.model_path = model;
  kill_often(std::move(jobs), 8);
  fs::remove_all(model);
}

TEST_F(SeveralResume, AnotherSetOfRecipesDoesNotGoOnWithIt) {
  std::vector<QuantJob> jobs = {job_of(recipe(iter_smooth(0.7) + linear(kPerToken, kInt8))),
                                job_of(recipe(iter_smooth(0.7) + linear(kPerToken, kInt4)))};
  set_thread_count(1);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].save_path = path("q" + std::to_string(i));
    jobs[i].overwrite = true;  // killed between the two names
    jobs[i].journal_pause = 0;
  }
  const std::string journal = path(".q1.msmodelslim-partial/unfinished/journal.json");
  const auto start = std::chrono::steady_clock::now();
  run(jobs, 100);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::mt19937 generator(5);
  std::uniform_real_distribution<double> delay(0, seconds);
  for (int tries = 0; !fs::exists(journal) && tries < 200; ++tries) {
    for (const QuantJob& job : jobs) fs::remove_all(job.save_path);
    run(jobs, delay(generator));
  }
  ASSERT_TRUE(fs::exists(journal));
  EXPECT_THAT(error_of([&] { quantize_model(jobs[1]); }),
              HasSubstr("other recipes and statistics differ"));
  const std::vector<QuantSummary> summaries = quantize_models(jobs);
  EXPECT_GT(summaries[0].resumed_blocks + summaries[1].resumed_blocks, 0);
  set_thread_count(available_threads());
}

}  // namespace
}  // namespace msmodelslim
