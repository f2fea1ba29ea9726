#pragma once
// `msmodelslim eval`: how good a model folder is, on a text or on a benchmark.

#include <string>
#include <vector>

#include "eval/tasks.h"

namespace msmodelslim {

// `args` are the words behind "eval". Returns 0, or throws an Error. Those below take the words
// behind "eval ppl", "eval compare" and the name of a task.
int run_eval(const std::vector<std::string>& args);
int run_eval_ppl(const std::vector<std::string>& args);
int run_eval_compare(const std::vector<std::string>& args);
int run_eval_task(const Task& task, const std::vector<std::string>& args);

}  // namespace msmodelslim
