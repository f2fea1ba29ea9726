#pragma once
// A quantized folder beside its float model on the same text, token by token and block by block.
//
//   KL        sum_v p(v) (log p(v) - log q(v)),  p: float, q: quantized
//   top-5     share of the five likeliest tokens that both have
//   dp        q(t) - p(t) of the true next token t
//   per block h: float hidden states, g: quantized, each model on its own inputs:
//             error = ||g - h|| / ||h||,  SNR = -20 log10(error) dB,  cosine of a row, its mean;
//             of a rotated model g is turned back first

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/statistics.h"

namespace msmodelslim {

struct CompareOptions {
  std::string model_path;
  std::string float_path;
  std::int64_t seqlen = 2048;
  std::int64_t windows = 0;  // 0: all that fit
  std::size_t worst = 10;    // tokens to show
};

// Where `value` (0..100) percent of sorted values lie below; between two, by their distance.
double percentile(std::span<const double> sorted, double value);

struct WorstToken {
  std::int64_t window = 0;
  std::int64_t position = 0;  // of the predicted token
  double kl = 0;
  std::int32_t next = 0;
  std::int32_t float_choice = 0;
  std::int32_t choice = 0;
  double float_probability = 0;  // of the true token
  double probability = 0;
};

struct BlockDistance {
  std::string block;
  double error = 0;
  double snr = 0;
  double cosine = 0;
};

struct Comparison {
  std::int64_t predictions = 0;
  double float_perplexity = 0;
  double perplexity = 0;
  MeanError nll_difference;
  std::vector<double> kl;  // sorted
  MeanError mean_kl;
  std::vector<double> probability_change;  // sorted, dp
  double probability_rms = 0;
  MeanError top1;
  MeanError top5;
  std::vector<WorstToken> worst;  // by falling KL
  // Empty when the folder's hidden states are rotated by a matrix that it does not hold.
  std::vector<BlockDistance> blocks;

  // "excellent", "good", "usable" or "bad": mean KL below 0.005, 0.02, 0.1. A rule of thumb.
  const char* verdict() const;
  Json json() const;
};

// `ids`: the tokenized text. Throws DataError when the folders do not belong together.
Comparison compare_models(const CompareOptions& options, std::span<const std::int32_t> ids);

}  // namespace msmodelslim
