#pragma once
// Benchmarks from local files, with the prompts of lm-evaluation-harness.
// Source: its task files; docs/eval.md has the formats of the files.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace msmodelslim {

// One question as the model sees it.
struct Question {
  std::string text;                  // without description and examples
  std::vector<std::string> choices;  // empty: the answer is generated
  std::size_t gold = 0;              // of the choices
  std::string answer;                // what follows the text in an example
  std::string subject;               // mmlu, ceval: has its own description and examples
};

struct Task {
  std::string name;
  int shots = 0;             // examples before each question, by default
  bool random_shots = true;  // drawn anew for each question; or always the first ones
  bool normalized = false;   // acc_norm is the figure to quote
};

// The names are hellaswag, boolq, gsm8k, mmlu, ceval; nothing for others.
std::optional<Task> find_task(const std::string& name);
std::vector<std::string> task_names();

// Reads all questions of a file. Throws DataError that names file and line.
std::vector<Question> read_questions(const Task& task, const std::string& path);

// What stands before examples and question; "" for most tasks. DataError for an unknown subject.
std::string description(const Task& task, const std::string& subject);

// gsm8k: the number of an answer, "[invalid]" without one. strict: behind "####".
std::string gsm8k_number(const std::string& text, bool strict);
// Compares as lm-evaluation-harness does, the solution's whole text being `gold`.
bool gsm8k_equal(const std::string& number, const std::string& gold);

}  // namespace msmodelslim
