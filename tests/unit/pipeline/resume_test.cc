// A run that was killed, or found the disk full, goes on when it is repeated; the result has the
// bytes of a run that was not disturbed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "unit/pipeline/recipes.h"
#include "unit/pipeline/unknown_model.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

constexpr const char* kDataFree = R"(
apiversion: modelslim_v1
spec:
  process:
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}
  save: [{type: compressed_tensors}]
)";

constexpr const char* kDataFreeGroups = R"(
apiversion: modelslim_v1
spec:
  process:
    - type: linear_quant
      qconfig:
        act: {dtype: int4, scope: per_token, symmetric: true, method: minmax}
        weight: {dtype: int4, scope: per_group, symmetric: true, method: minmax, ext: {group_size: 32}}
      include: ['*attn*']
    - type: linear_quant
      qconfig:
        act: {dtype: float, scope: per_tensor, symmetric: true, method: none}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}
  save: [{type: ascendv1_saver}]
)";

// What a child process came to.
enum Outcome { kDone = 0, kFull = 1, kOther = 2, kKilled = 3 };

class Resume : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    root_ = temp_path("resume");
    fs::remove_all(root_);
    fs::create_directories(root_);
    job_ = job();
    job_.held_out = {job_.samples[1]};
    job_.save_path = root_ + "/q";
    job_.journal_pause = 0;
    set_thread_count(1);  // a child has no other threads
    QuantJob whole = job_;
    whole.save_path = root_ + "/whole";
    const auto start = std::chrono::steady_clock::now();
    whole_ = quantize_model(whole);
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  void TearDown() override {
    set_thread_count(available_threads());
    fs::remove_all(root_);
  }

  virtual QuantJob job() const { return small_job(GetParam(), {3, 90, 41}); }

  // The run in a process of its own: killed after so many seconds, or with files of so many bytes
  // at most (0: no bound).
  Outcome run(double killed_after, rlim_t most_bytes) const {
    const pid_t child = ::fork();
    if (child == 0) {
      if (most_bytes > 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{most_bytes, most_bytes};
        ::setrlimit(RLIMIT_FSIZE, &limit);
      }
      if (killed_after > 0) {
        itimerval timer{};
        timer.it_value.tv_sec = static_cast<time_t>(killed_after);
        timer.it_value.tv_usec = static_cast<suseconds_t>(
            1 + 1e6 * (killed_after - static_cast<double>(timer.it_value.tv_sec)));
        ::setitimer(ITIMER_REAL, &timer, nullptr);  // SIGALRM ends the process where it is
      }
      try {
        quantize_model(job_);
      } catch (const ResourceError& error) {
        ::_exit(std::string(error.what()).find("cannot be written") != std::string::npos ? kFull
                                                                                         : kOther);
      } catch (...) {
        ::_exit(kOther);
      }
      ::_exit(kDone);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? kKilled : kOther;
    return static_cast<Outcome>(WEXITSTATUS(status));
  }

  void kill_often() const {
    std::mt19937 generator(5);
    std::uniform_real_distribution<double> delay(0, seconds_);
    for (int kills = 0; kills < 12;) {
      fs::remove_all(root_ + "/q");
      Outcome outcome = kKilled;
      for (; (outcome = run(delay(generator), 0)) == kKilled; ++kills)
        if (fs::exists(root_ + "/q")) break;  // killed after the end
      ASSERT_TRUE(outcome == kDone || outcome == kKilled) << outcome;
      expect_whole();
    }
  }

  static std::map<std::string, std::string> files_of(const std::string& folder) {
    std::map<std::string, std::string> files;
    for (const auto& item : fs::recursive_directory_iterator(folder))
      files[fs::relative(item.path(), folder).string()] =
          item.is_directory() ? "folder" : read_file(item.path().string());
    return files;
  }
  void expect_whole() const {
    EXPECT_TRUE(files_of(root_ + "/q") == files_of(root_ + "/whole"));
    std::size_t left = 0;
    for ([[maybe_unused]] const auto& item : fs::directory_iterator(root_)) ++left;
    EXPECT_EQ(left, 2U) << "something is left beside q and whole";
  }

  // The report of a run that went on says the same.
  void expect_notes(const QuantSummary& summary) const {
    EXPECT_EQ(summary.details.json(), whole_.details.json());
    EXPECT_EQ(summary.tensors_hash, whole_.tensors_hash);
    EXPECT_EQ(summary.notes.size(), whole_.notes.size());
  }

  // Every file may grow up to a bound, which is raised after each failure.
  void fill_the_disk() const {
    constexpr rlim_t kHeader = 4 << 20;
    rlim_t payload = 0;
    for (const auto& item : fs::directory_iterator(root_ + "/whole"))
      if (item.path().extension() == ".safetensors") payload = fs::file_size(item.path());
    bool gone_on = false;
    for (int i = 1; i <= 20; ++i) {
      const Outcome outcome = run(0, kHeader + payload * static_cast<rlim_t>(i) / 20);
      if (outcome == kDone) break;
      ASSERT_EQ(outcome, kFull) << i;
      ASSERT_FALSE(fs::exists(root_ + "/q"));
    }
    if (!fs::exists(root_ + "/q")) {
      const QuantSummary summary = quantize_model(job_);
      gone_on = summary.resumed_blocks > 0;
      expect_notes(summary);
    }
    EXPECT_TRUE(gone_on || fs::exists(root_ + "/q"));
    expect_whole();
  }

  void begin_another_command() {
    constexpr rlim_t kHeader = 4 << 20;
    for (rlim_t more = 1000; run(0, kHeader + more) == kFull; more += 1000)
      if (fs::exists(root_ + "/.q.msmodelslim-partial/unfinished/journal.json")) break;
    ASSERT_TRUE(fs::exists(root_ + "/.q.msmodelslim-partial/unfinished/journal.json"));
    QuantJob other = job_;
    other.exclude = {"*.0.*"};
    try {
      quantize_model(other);
      FAIL();
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr("options differ"));
      EXPECT_THAT(error.remedy(), HasSubstr("--restart"));
    }
    const QuantSummary summary = quantize_model(job_);
    EXPECT_GT(summary.resumed_blocks, 0);
    expect_notes(summary);
    expect_whole();
    fs::remove_all(root_ + "/q");
    other.restart = true;
    EXPECT_EQ(quantize_model(other).resumed_blocks, 0);
  }

  // What lies there is cut or not ours: one clear error, and then a run from the start.
  void damage_notes() {
    constexpr rlim_t kHeader = 4 << 20;
    const std::string notes = root_ + "/.q.msmodelslim-partial/unfinished";
    const auto leave_a_run = [&] {
      fs::remove_all(root_ + "/q");
      for (rlim_t more = 1000; !fs::exists(notes + "/journal.json"); more += 1000)
        ASSERT_EQ(run(0, kHeader + more), kFull);
    };
    const auto error = [&]() -> std::string {
      try {
        quantize_model(job_);
      } catch (const DataError& e) {
        return std::string(e.what()) + " / " + e.remedy();
      }
      return "no error";
    };
    leave_a_run();
    const std::string journal = read_file(notes + "/journal.json");
    for (const std::string& text : {journal.substr(0, journal.size() / 2), std::string("[]"),
                                    std::string(R"({"version": "x"})")}) {
      write_file_atomic(notes + "/journal.json", text);
      EXPECT_THAT(error(), HasSubstr("--restart"));
    }
    write_file_atomic(notes + "/journal.json", journal);
    bool has_values = false;
    for (const auto& item : fs::directory_iterator(notes)) {
      if (!item.path().filename().string().starts_with("values-")) continue;
      fs::resize_file(item.path(), 9);
      has_values = true;
    }
    if (has_values) {
      EXPECT_THAT(error(), HasSubstr("damaged"));
      leave_a_run();
    }
    for (const auto& item : fs::directory_iterator(notes))
      if (item.path().extension() == ".data") fs::resize_file(item.path(), 9);
    EXPECT_THAT(error(), HasSubstr("damaged"));
    EXPECT_EQ(quantize_model(job_).resumed_blocks, 0);
    expect_whole();
  }

  std::string root_;
  QuantJob job_;
  double seconds_ = 0;  // of a whole run
  QuantSummary whole_;  // its own
};

INSTANTIATE_TEST_SUITE_P(Recipes, Resume,
                         testing::Values(kDataFree, kRecipe, kLearned, kRotated, kFlat));

TEST_P(Resume, GoesOnAfterBeingKilled) { kill_often(); }

// Blocks that share an indexer's choice have no notes between them; rows of several streams.
class ResumeModel : public Resume {
  QuantJob job() const override {
    QuantJob job = small_job(kRecipe, {3, 90, 41});
    job.model_path = std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/" + GetParam();
    job.pedigree = "default";
    for (auto& sample : job.samples)
      for (std::int32_t& id : sample) id %= 32;
    return job;
  }
};
INSTANTIATE_TEST_SUITE_P(Models, ResumeModel, testing::Values("glm_moe_dsa_shared", "deepseek_v4"));

TEST_P(ResumeModel, GoesOnAfterBeingKilled) { kill_often(); }

TEST_P(Resume, GoesOnAfterTheDiskWasFull) { fill_the_disk(); }

class ResumeOther : public Resume {};
INSTANTIATE_TEST_SUITE_P(Recipes, ResumeOther, testing::Values(kDataFree));

TEST_P(ResumeOther, RefusesAnotherCommandsRunUntilRestart) { begin_another_command(); }
TEST_P(ResumeOther, DamagedNotesAreRefused) { damage_notes(); }

// A model without a forward pass.
class ResumeTensors : public Resume {
  QuantJob job() const override {
    QuantJob job = small_job(GetParam(), {3, 90, 41});
    job.model_path = temp_path("resume_model");
    write_unknown_model(job.model_path, 3);
    return job;
  }
  void TearDown() override {
    fs::remove_all(job_.model_path);
    Resume::TearDown();
  }
};
INSTANTIATE_TEST_SUITE_P(Recipes, ResumeTensors, testing::Values(kDataFree, kDataFreeGroups));

TEST_P(ResumeTensors, GoesOnAfterBeingKilled) { kill_often(); }
TEST_P(ResumeTensors, GoesOnAfterTheDiskWasFull) { fill_the_disk(); }
TEST_P(ResumeTensors, RefusesAnotherCommandsRunUntilRestart) { begin_another_command(); }
TEST_P(ResumeTensors, DamagedNotesAreRefused) { damage_notes(); }

}  // namespace
}  // namespace msmodelslim
