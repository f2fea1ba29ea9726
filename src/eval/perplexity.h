#pragma once
// Perplexity of model folders, and their distance from a float model, on a text.
//
// The text is tokenized once without special tokens and cut into consecutive windows; every token
// of a window but the first is predicted from those before it in the window.
//   NLL  mean of -log p(token);  perplexity = exp(NLL)
//   KL   mean over predictions of sum_v pf(v) (log pf(v) - log pq(v)), f: float, q: the model
//   top1 share of predictions for which both put the same token first

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "runtime/loaded_model.h"

namespace msmodelslim {

struct PerplexityOptions {
  std::vector<std::string> model_paths;   // float, AscendV1 or compressed-tensors folders
  std::optional<std::string> float_path;  // also gives KL and agreement; runs once for all
  std::int64_t seqlen = 2048;
  std::int64_t windows = 0;  // 0: all that fit
  LoadOptions load = {};     // of model_paths
};

struct PerplexityResult {
  std::int64_t windows = 0;
  std::int64_t predictions = 0;
  double perplexity = 0;
  std::optional<double> float_perplexity;
  std::optional<MeanError> nll_difference;
  std::optional<MeanError> kl;
  std::optional<double> top1_agreement;  // 0..1
};

// One result for each folder, in their order; one folder is in memory at a time, beside the float
// model. `ids`: the tokenized text. Throws DataError when there are fewer than two tokens.
std::vector<PerplexityResult> evaluate_perplexity(const PerplexityOptions& options,
                                                  std::span<const std::int32_t> ids);

}  // namespace msmodelslim
