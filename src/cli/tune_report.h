#pragma once
// SAVE_PATH/tune_report.json and .html: what was tried, and what came of it.
//
//   kind "tuning", version, date, model {name, path, architecture}, demand: [{dataset, target,
//   tolerance}], satisfied, final (config_id), recipe (its text), trials: [{config_id, figures:
//   {name: value}, satisfied, bytes, seconds, cached}], environment {cpu, threads, peak_bytes},
//   cpu_seconds, warnings,
//   mix (null without --target_bits and --max_kl): {types, path: [{bits, loss}], trials:
//   [{config_id, bits, loss, kl, bytes}], parts: [{name, weights, type, losses: {type: KL or
//   null, which was not measured}}]}

#include <string>
#include <vector>

#include "advise/trials.h"
#include "advise/tune_mix.h"
#include "base/json.h"

namespace msmodelslim {

struct TuneOutcome {
  SearchResult result;  // its recipe has a config_id
  const std::vector<Trial>* trials = nullptr;
  const MixTable* mix = nullptr;  // or null
};

Json tune_report(const std::string& model_path, const TuneEvaluation& evaluation,
                 const TuneOutcome& outcome);

}  // namespace msmodelslim
