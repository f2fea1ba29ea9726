#include <cstdio>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "cli/command_line.h"
#include "cli/eval_command.h"
#include "eval/task_run.h"

namespace msmodelslim {
namespace {

struct TaskArgs {
  TaskOptions options;
  std::string output;
  std::string baseline;
  int threads = 0;
};

std::string about(const Task& task) {
  return fmt::format(
      "Scores a float or quantized folder on {0} with lm-evaluation-harness's prompts and rules.\n"
      "docs/eval.md has the fields of the file.\n"
      "Example: msmodelslim eval {0} --model_path Q --data {0}.jsonl --limit 200",
      task.name);
}

void declare(CLI::App& app, TaskArgs& args) {
  app.add_option("model,--model_path", args.options.model_path, "float or quantized model folder")
      ->required();
  app.add_option("--data", args.options.data, "file with the questions")->required();
  app.add_option("--fewshot_file", args.options.examples, "file to take examples from");
  app.add_option("--shots", args.options.shots, "examples before each question")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--limit", args.options.limit, "so many first questions (default: all)")
      ->check(CLI::PositiveNumber);
  app.add_option("--max_model_len", args.options.max_model_len, "most tokens of a prompt")
      ->check(CLI::PositiveNumber);
  app.add_option("--output", args.output, "JSON file for the result of every question");
  app.add_option("--baseline", args.baseline,
                 "--output of an earlier run: also print the difference");
  app.add_option("--threads", args.threads, "threads (default: all that this process may use)")
      ->check(CLI::PositiveNumber);
}

}  // namespace

int run_eval_task(const Task& task, const std::vector<std::string>& words) {
  TaskArgs args;
  CLI::App app(about(task), "msmodelslim eval " + task.name);
  declare(app, args);
  if (!parse_words(app, words)) return 0;
  if (args.threads > 0) set_thread_count(args.threads);
  const Json baseline = args.baseline.empty() ? Json() : read_json_file(args.baseline);
  const TaskResult result = run_task(task, args.options);
  std::printf("| %s, %zu questions, %d examples | value | stderr |\n|---|---:|---:|\n",
              result.task.c_str(), result.items.size(), result.shots);
  for (const Metric& metric : result.metrics)
    std::printf("| %s | %.4f | %.4f |\n", metric.name.c_str(), metric.mean.mean, metric.mean.error);
  if (!args.output.empty()) {
    std::ofstream file(args.output);
    file << result.json().dump(2) << "\n";
    if (!file.flush())
      throw ResourceError("cannot write " + args.output, "check the path and the free space");
  }
  if (args.baseline.empty()) return 0;
  std::printf(
      "\n| change from the baseline | difference | 95 %% interval | better | worse |\n"
      "|---|---:|---:|---:|---:|\n");
  for (const Change& change : compare_runs(baseline, result)) {
    const double reach = 1.96 * change.difference.error;
    std::printf("| %s | %+.4f | %+.4f to %+.4f | %lld | %lld |\n", change.metric.c_str(),
                change.difference.mean, change.difference.mean - reach,
                change.difference.mean + reach, static_cast<long long>(change.better),
                static_cast<long long>(change.worse));
  }
  return 0;
}

}  // namespace msmodelslim
