#pragma once
// Runs a benchmark on a model folder and scores it as lm-evaluation-harness does.

#include <msmodelslim/sampling_params.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/statistics.h"
#include "eval/tasks.h"

namespace msmodelslim {

struct TaskOptions {
  std::string model_path;
  std::string data;          // the questions
  std::string examples;      // file to take examples from; needed when shots > 0
  std::optional<int> shots;  // the task's own number
  std::int64_t limit = 0;    // so many first questions; 0: all
  std::int64_t max_model_len = 0;
  // Who goes on with the prompts, greedily, instead of the folder: one text for each. Only tasks
  // with generated answers can be asked so (UsageError).
  std::function<std::vector<std::string>(const std::vector<std::string>& prompts,
                                         const SamplingParams& params)>
      answer;
};

struct Metric {
  std::string name;            // "acc", "acc_norm", "exact_match,strict", ...
  std::vector<double> values;  // of each question, 0 or 1
  MeanError mean;
};

struct TaskResult {
  std::string task;
  int shots = 0;
  std::vector<Metric> metrics;
  std::vector<std::string> subjects;  // of each question; empty for tasks without
  Json items = Json::array();         // what happened to each question
  Json json() const;
};

// Throws UsageError for examples that are asked for without a file.
TaskResult run_task(const Task& task, const TaskOptions& options);

// Change of a metric from one run to another on the same questions.
struct Change {
  std::string metric;
  MeanError difference;
  std::int64_t better = 0;  // questions
  std::int64_t worse = 0;
};
// `before`: json() of an earlier run. DataError when it is of another task or number of questions.
std::vector<Change> compare_runs(const Json& before, const TaskResult& after);

}  // namespace msmodelslim
