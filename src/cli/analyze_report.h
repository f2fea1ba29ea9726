#pragma once
// PATH.json and PATH.html of `analyze --output_path PATH`: all scores, and how they came about.
//
//   kind "analysis", version, date, model {name, path, architecture, dtype}, scope, method,
//   patterns, probe (null where nothing is quantized), dataset {name, samples, tokens, xxh3},
//   scores: [{name, score, error}] by falling score, exclude (text to paste into a recipe),
//   environment {cpu, threads, peak_bytes}, cpu_seconds, warnings

#include <string>
#include <vector>

#include "advise/ranking.h"
#include "base/json.h"
#include "cli/analyze_args.h"
#include "model/config.h"

namespace msmodelslim {

// PATH without the suffix .json or .html. UsageError when its folder does not exist.
std::string report_stem(const std::string& path);

// `scores` sorted.
Json analysis_report(const AnalyzeArgs& args, const ModelConfig& config,
                     const std::vector<std::vector<std::int32_t>>& samples,
                     const std::vector<LayerScore>& scores);

// Writes both files, and logs their names.
void write_report(const Json& report, const std::string& stem, const char* logger);

}  // namespace msmodelslim
