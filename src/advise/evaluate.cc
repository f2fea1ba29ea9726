#include "advise/evaluate.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "advise/endpoint.h"
#include "base/child_process.h"
#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "eval/task_run.h"
#include "serve/http_client.h"

namespace msmodelslim {
namespace {

// In single quotes for the shell.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string with_model(std::string command, const std::string& folder) {
  constexpr std::string_view kPlace = "{model}";
  const std::string path = quoted(fs::absolute(folder).string());
  for (std::size_t at = 0; (at = command.find(kPlace, at)) != std::string::npos; at += path.size())
    command.replace(at, kPlace.size(), path);
  return command;
}

void wait_for_server(ChildProcess& server, const TuneEvaluation& evaluation,
                     const std::string& log) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(evaluation.startup_timeout);
  const auto ready = [&] {
    const auto answer = http_get(evaluation.base_url + "/models", 3);
    return answer && answer->status == 200;
  };
  while (!ready()) {
    check_interrupted();
    if (!server.running())
      throw DataError(fmt::format("the server ended with {} before it answered", server.status()),
                      fmt::format("see {}", log));
    if (Clock::now() > end)
      throw DataError(fmt::format("the server does not answer at {}/models within {} s",
                                  evaluation.base_url, evaluation.startup_timeout),
                      fmt::format("see {}", log));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

// Null where the plan has no server.
std::unique_ptr<ChildProcess> start_server(const TuneEvaluation& evaluation,
                                           const std::string& folder,
                                           const std::string& log_folder) {
  if (evaluation.server.empty()) return nullptr;
  const std::string log = log_folder + "/server.log";
  auto server = std::make_unique<ChildProcess>(with_model(evaluation.server, folder), log);
  wait_for_server(*server, evaluation, log);
  return server;
}

double by_task(const Expectation& one, const TuneEvaluation& evaluation,
               const std::string& folder) {
  const TuneDataset& dataset = evaluation.datasets.at(one.dataset);
  const Task task = *find_task(one.dataset);
  TaskOptions options;
  options.model_path = folder;
  options.data = dataset.data;
  options.examples = dataset.examples;
  options.shots = dataset.shots;
  if (dataset.examples.empty() && !dataset.shots) options.shots = 0;
  options.limit = dataset.limit;
  if (evaluation.asks_server)
    options.answer = [&](const auto& prompts, const SamplingParams& params) {
      return ask_endpoint(evaluation, prompts, params);
    };
  const TaskResult result = run_task(task, options);
  const auto quoted_one = std::find_if(
      result.metrics.begin(), result.metrics.end(),
      [&](const Metric& metric) { return task.normalized && metric.name == "acc_norm"; });
  const Metric& metric = quoted_one == result.metrics.end() ? result.metrics.front() : *quoted_one;
  return metric.mean.mean * (one.target > 1 ? 100 : 1);
}

}  // namespace

Figures figures_of_output(const std::string& output, const TuneEvaluation& evaluation) {
  std::size_t end = output.find_last_not_of(" \t\r\n");
  end = end == std::string::npos ? 0 : end + 1;
  const std::size_t before = end == 0 ? std::string::npos : output.rfind('\n', end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  const Json json = parse_json(output.substr(begin, end - begin), "the command's last line");
  Figures figures;
  for (const Expectation& one : evaluation.expectations) {
    if (is_loss(one.dataset) && !(json.is_object() && json.contains(one.dataset))) continue;
    if (!json.is_object() || !json.contains(one.dataset) || !json.at(one.dataset).is_number())
      throw DataError(fmt::format("the command's last line has no figure for '{}'", one.dataset),
                      "print {\"<dataset>\": <number>, ...} as the last line");
    figures[one.dataset] = json.at(one.dataset);
  }
  return figures;
}

Figures evaluate_folder(const TuneEvaluation& evaluation, const std::string& folder,
                        const std::string& log_folder) {
  const auto server = start_server(evaluation, folder, log_folder);
  if (!evaluation.command.empty())
    return figures_of_output(run_command(with_model(evaluation.command, folder), evaluation.timeout,
                                         log_folder + "/evaluation.log"),
                             evaluation);
  Figures figures;
  for (const Expectation& one : evaluation.expectations)
    if (!is_loss(one.dataset)) figures[one.dataset] = by_task(one, evaluation, folder);
  return figures;
}

bool meets_all(const std::vector<Expectation>& expectations, const Figures& figures) {
  return std::all_of(expectations.begin(), expectations.end(), [&](const Expectation& one) {
    const auto found = figures.find(one.dataset);
    return found != figures.end() && meets(one, found->second);
  });
}

}  // namespace msmodelslim
