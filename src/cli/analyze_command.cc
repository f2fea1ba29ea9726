#include "cli/analyze_command.h"

#include <cstdio>

#include "advise/alone_scores.h"
#include "advise/attention_scores.h"
#include "advise/linear_scores.h"
#include "advise/probe.h"
#include "base/log.h"
#include "base/threads.h"
#include "cli/analyze_args.h"
#include "cli/analyze_report.h"
#include "cli/model_choice.h"
#include "pipeline/read_samples.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "analyze";

using Samples = std::vector<std::vector<std::int32_t>>;

ActivationMetric activation_metric(const std::string& name) {
  if (name == "std") return ActivationMetric::kStd;
  return name == "quantile" ? ActivationMetric::kQuantile : ActivationMetric::kKurtosis;
}

bool tries_quantization(const AnalyzeArgs& args) {
  return args.scope == AnalyzeScope::kLayer || args.metric == "kl";
}

// A set that the user names is read whole, as in the Python tool; of the program's own, which is
// larger than that one's, pieces of all samples.
Samples read_samples(const AnalyzeArgs& args, const ModelConfig& config) {
  constexpr std::int64_t kKlTokens = 1024;  // every token costs a run of the model per layer
  constexpr std::int64_t kTokens = 6144;
  CalibrationChoice choice{{}, {}, args.calib_samples, args.calib_tokens, false};
  const bool kl = args.metric == "kl";
  if (!args.calib_tokens && (kl || (!args.calib_dataset && !args.calib_samples))) {
    choice.tokens = kl ? kKlTokens : kTokens;
    choice.spread = true;
  }
  return calibration_ids(args.model_path, config, choice,
                         args.calib_dataset.value_or("mix_calib.jsonl"), kLogger);
}

std::vector<LayerScore> score(const AnalyzeArgs& args, const Samples& samples) {
  if (args.scope == AnalyzeScope::kAttention)
    return score_attention(args.model_path, samples, args.quiet);
  if (!tries_quantization(args))
    return score_linears(args.model_path, samples, activation_metric(args.metric), args.patterns,
                         args.quiet);
  const bool all = args.scope == AnalyzeScope::kLinear || args.patterns.empty();
  const LayerOptions options{
      args.model_path, samples,
      probe_step(quant_kind(args.probe), all ? std::vector<std::string>{"*"} : args.patterns),
      args.quiet};
  if (args.scope == AnalyzeScope::kLinear)
    return score_linears_alone(options, args.patterns, Loss::kKl);
  if (args.metric == "mse_layer_wise") return score_layers_by_output(options);
  return score_layers_alone(options, args.metric == "kl" ? Loss::kKl : Loss::kMse);
}

void print(const AnalyzeArgs& args, const std::vector<LayerScore>& scores) {
  print_ranking(
      scores, static_cast<std::size_t>(args.topk), args.metric, args.patterns,
      args.scope == AnalyzeScope::kLayer,
      [](const std::string& line) { log_info(kLogger, "{}", line); },
      [](const std::string& line) {
        std::puts(line.c_str());
        std::fflush(stdout);
      });
}

}  // namespace

int run_analyze(const std::vector<std::string>& words) {
  const auto args = parse_analyze_args(words);
  if (!args) return 0;
  if (args->threads) set_thread_count(*args->threads);
  const ModelConfig config = ModelConfig::read(args->model_path);
  choose_model_type(args->model_type, args->model_path, config);
  const std::string stem = args->output_path.empty() ? "" : report_stem(args->output_path);
  const Samples samples = read_samples(*args, config);
  std::vector<LayerScore> scores = score(*args, samples);
  sort_scores(&scores);
  print(*args, scores);
  if (!stem.empty()) write_report(analysis_report(*args, config, samples, scores), stem, kLogger);
  log_info(kLogger, "===========ANALYSIS COMPLETE===========");
  return 0;
}

}  // namespace msmodelslim
