#pragma once
// A server that speaks OpenAI's language, asked to go on with prompts.

#include <msmodelslim/sampling_params.h>

#include <string>
#include <vector>

#include "advise/tune_plan.h"

namespace msmodelslim {

// POST <base_url>/completions, several prompts a request, greedily; one text for each prompt.
// DataError when the server does not answer within evaluation.timeout seconds, or something else.
std::vector<std::string> ask_endpoint(const TuneEvaluation& evaluation,
                                      const std::vector<std::string>& prompts,
                                      const SamplingParams& params);

}  // namespace msmodelslim
