#pragma once
// How good a quantized folder is, by a plan's evaluation.

#include <map>
#include <string>

#include "advise/tune_plan.h"

namespace msmodelslim {

using Figures = std::map<std::string, double>;  // by dataset

// All figures that the plan expects but kl and perplexity, which come with quantizing. Logs of
// commands go to `log_folder`. Figures of tasks are percents where the target is above 1. DataError
// when a figure cannot be measured: that is not a bad recipe.
Figures evaluate_folder(const TuneEvaluation& evaluation, const std::string& folder,
                        const std::string& log_folder);

// The last line of a command's output: {"<dataset>": <figure>, ...}. DataError when an expected
// one is not in it.
Figures figures_of_output(const std::string& output, const TuneEvaluation& evaluation);

// True when every expectation is met. A figure that is not there is not.
bool meets_all(const std::vector<Expectation>& expectations, const Figures& figures);

}  // namespace msmodelslim
