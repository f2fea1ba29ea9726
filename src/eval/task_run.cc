#include "eval/task_run.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "eval/choice_scorer.h"
#include "eval/python_random.h"
#include "runtime/llm.h"

namespace msmodelslim {
namespace {

constexpr std::uint32_t kSeed = 1234;
constexpr std::int64_t kAnswerTokens = 256;

// Description, examples and question of each question.
class Prompter {
 public:
  Prompter(const Task& task, const TaskOptions& options)
      : task_(task), shots_(options.shots.value_or(task.shots)), random_(kSeed) {
    if (shots_ == 0) return;
    if (options.examples.empty())
      throw UsageError(fmt::format("{} takes {} examples before each question, from a file of "
                                   "its training questions",
                                   task.name, shots_),
                       "give --fewshot_file FILE, or --shots 0");
    examples_ = read_questions(task, options.examples);
    same_file_ = options.examples == options.data;
  }
  int shots() const { return shots_; }

  std::string prompt(const Question& question, std::size_t index) {
    std::string text = description(task_, question.subject);
    for (const Question* example : examples_for(question, index))
      text += example->text + " " + example->answer + "\n\n";
    return text + question.text;
  }

 private:
  std::vector<const Question*> examples_for(const Question& question, std::size_t index) {
    std::vector<const Question*> chosen;
    const auto wanted = static_cast<std::size_t>(shots_);
    if (wanted == 0) return chosen;
    if (!task_.random_shots) {
      for (const Question& example : examples_)
        if (example.subject == question.subject && chosen.size() < wanted)
          chosen.push_back(&example);
    } else {
      const std::size_t drawn = wanted + (same_file_ ? 1 : 0);
      if (drawn > examples_.size())
        throw DataError(
            fmt::format("{} examples are asked for, the file has {}", drawn, examples_.size()),
            "give a larger --fewshot_file");
      for (const std::uint32_t i : random_.sample(static_cast<std::uint32_t>(examples_.size()),
                                                  static_cast<std::uint32_t>(drawn)))
        if (!(same_file_ && i == index) && chosen.size() < wanted) chosen.push_back(&examples_[i]);
    }
    if (chosen.size() < wanted)
      throw DataError(
          fmt::format("{} examples are asked for, the file has {} of the subject \"{}\"", wanted,
                      chosen.size(), question.subject),
          "give a larger --fewshot_file");
    return chosen;
  }

  const Task& task_;
  int shots_;
  PythonRandom random_;
  std::vector<Question> examples_;
  bool same_file_ = false;
};

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Index of the largest; the first of equal ones.
std::size_t best(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

void run_choices(const TaskOptions& options, const std::vector<Question>& questions,
                 Prompter* prompter, TaskResult* result) {
  const Tokenizer tokenizer = Tokenizer::load(options.model_path);
  ModelRunner runner(options.model_path, options.max_model_len);
  std::vector<ChoiceItem> items;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    items.push_back({prompter->prompt(questions[i], i), {}});
    for (const std::string& choice : questions[i].choices)
      items.back().continuations.push_back(" " + choice);
  }
  const auto scores = ChoiceScorer(runner, tokenizer).score(items);
  result->metrics = {{"acc", {}, {}}, {"acc_norm", {}, {}}};
  for (std::size_t i = 0; i < questions.size(); ++i) {
    std::vector<double> plain;
    std::vector<double> normalized;
    for (std::size_t c = 0; c < scores[i].size(); ++c) {
      plain.push_back(scores[i][c].log);
      normalized.push_back(scores[i][c].log /
                           static_cast<double>(characters(questions[i].choices[c])));
    }
    result->metrics[0].values.push_back(best(plain) == questions[i].gold);
    result->metrics[1].values.push_back(best(normalized) == questions[i].gold);
    result->items.push_back({{"gold", questions[i].gold},
                             {"chosen", best(plain)},
                             {"chosen_norm", best(normalized)},
                             {"log_likelihoods", plain}});
  }
}

std::vector<std::string> answers_of_folder(const TaskOptions& options,
                                           const std::vector<std::string>& prompts,
                                           const SamplingParams& params) {
  Llm llm(options.model_path, options.max_model_len);
  std::vector<std::string> texts;
  for (const Completion& completion : llm.generate(prompts, params))
    texts.push_back(completion.text);
  return texts;
}

void run_gsm8k(const TaskOptions& options, const std::vector<Question>& questions,
               Prompter* prompter, TaskResult* result) {
  SamplingParams params;
  params.temperature = 0;
  params.max_tokens = kAnswerTokens;
  params.truncate_prompt_tokens = -1;  // the first examples are the first to go
  params.stop = {"Question:", "</s>", "<|im_end|>"};
  std::vector<std::string> prompts;
  for (std::size_t i = 0; i < questions.size(); ++i)
    prompts.push_back(prompter->prompt(questions[i], i));
  const std::vector<std::string> answers = options.answer
                                               ? options.answer(prompts, params)
                                               : answers_of_folder(options, prompts, params);
  result->metrics = {{"exact_match,strict", {}, {}}, {"exact_match,flexible", {}, {}}};
  for (std::size_t i = 0; i < questions.size(); ++i) {
    Json item = {{"text", answers[i]}};
    for (const bool strict : {true, false}) {
      const std::string number = gsm8k_number(answers[i], strict);
      result->metrics[strict ? 0 : 1].values.push_back(gsm8k_equal(number, questions[i].answer));
      item[strict ? "strict" : "flexible"] = number;
    }
    result->items.push_back(std::move(item));
  }
}

// Of subjects that were drawn each for itself: pooled variance.
MeanError grouped_mean(const std::vector<double>& values,
                       const std::vector<std::string>& subjects) {
  std::map<std::string, std::vector<double>> groups;
  for (std::size_t i = 0; i < values.size(); ++i) groups[subjects[i]].push_back(values[i]);
  double pooled = 0;
  const auto n = static_cast<double>(values.size());
  for (const auto& [subject, group] : groups) {
    const auto size = static_cast<double>(group.size());
    const double error = mean_error(group).error;
    pooled += (size - 1) * size * error * error;
  }
  const auto count = static_cast<double>(groups.size());
  return {mean_error(values).mean, std::sqrt(pooled / std::max(n - count, 1.0) / n)};
}

}  // namespace

Json TaskResult::json() const {
  Json results = Json::object();
  for (const Metric& metric : metrics)
    results[metric.name] = {{"value", metric.mean.mean}, {"stderr", metric.mean.error}};
  Json out = {{"task", task},
              {"questions", items.size()},
              {"shots", shots},
              {"results", std::move(results)}};
  Json each = items;
  for (std::size_t i = 0; i < each.size(); ++i) {
    if (!subjects.empty()) each[i]["subject"] = subjects[i];
    for (const Metric& metric : metrics) each[i][metric.name] = metric.values[i];
  }
  out["items"] = std::move(each);
  return out;
}

TaskResult run_task(const Task& task, const TaskOptions& options) {
  std::vector<Question> questions = read_questions(task, options.data);
  if (options.limit > 0 && static_cast<std::size_t>(options.limit) < questions.size())
    questions.resize(static_cast<std::size_t>(options.limit));
  if (options.answer && !questions.front().choices.empty())
    throw UsageError(fmt::format("{} compares the likelihoods of choices, which cannot be asked of "
                                 "a server",
                                 task.name),
                     "use gsm8k, or let the folder itself be evaluated");
  Prompter prompter(task, options);
  TaskResult result;
  result.task = task.name;
  result.shots = prompter.shots();
  if (questions.front().choices.empty())
    run_gsm8k(options, questions, &prompter, &result);
  else
    run_choices(options, questions, &prompter, &result);
  if (!questions.front().subject.empty())
    for (const Question& question : questions) result.subjects.push_back(question.subject);
  for (Metric& metric : result.metrics)
    metric.mean = result.subjects.empty() ? mean_error(metric.values)
                                          : grouped_mean(metric.values, result.subjects);
  return result;
}

std::vector<Change> compare_runs(const Json& before, const TaskResult& after) {
  const std::string task = before.is_object() ? before.value("task", std::string()) : "";
  const Json items = before.is_object() ? before.value("items", Json::array()) : Json::array();
  if (task != after.task || items.size() != after.items.size())
    throw DataError(fmt::format("the baseline holds {} questions of \"{}\", this run {} of \"{}\"",
                                items.size(), task, after.items.size(), after.task),
                    "use the --output of the same task and --limit");
  std::vector<Change> changes;
  for (const Metric& metric : after.metrics) {
    Change change{metric.name, {}, 0, 0};
    std::vector<double> differences;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!items[i].is_object() || !items[i].value(metric.name, Json()).is_number())
        throw DataError("the baseline has no " + metric.name + " of each question",
                        "use a file that --output wrote");
      differences.push_back(metric.values[i] - items[i][metric.name].get<double>());
      change.better += differences.back() > 0;
      change.worse += differences.back() < 0;
    }
    change.difference = mean_error(differences);
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace msmodelslim
