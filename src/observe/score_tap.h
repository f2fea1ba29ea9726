#pragma once
// How hard the inputs of a linear are to quantize, from their distribution alone.
// Source: analysis reference 1.3 and 1.4. One call is one sample X [tokens, in], in the model's
// dtype.
//
//   std       shift_c = (max_t X[t,c] + min_t X[t,c]) / 2 of each channel of the sample
//             max |X| over all samples / largest over the samples of the unbiased std of X - shift
//   quantile  s: sorted_samples() of every sample, together, sorted; n of them, q = n div 4
//             (2 max |s| / 254) / (s[3q] - s[q] + 1e-10)
//   kurtosis  of s: mean(z^4) - 3,  z = (s - mean) / (deviation + 1e-10)
//
// Linears of a group read the same input; it is looked at once.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "forward/context.h"

namespace msmodelslim {

enum class ActivationMetric { kStd, kQuantile, kKurtosis };

// Running statistics of one input.
class ActivationScore {
 public:
  explicit ActivationScore(ActivationMetric metric) : metric_(metric) {}
  // x: samples packed one behind the other.
  void add(const float* x, const std::vector<Sequence>& samples, std::int64_t width, DType dtype);
  bool seen() const { return seen_; }
  double score() const;

 private:
  void add_spread(const float* x, std::int64_t rows, std::int64_t width);
  double quantile_score() const;
  double kurtosis_score() const;

  ActivationMetric metric_;
  bool seen_ = false;
  double largest_ = 0;  // of std
  double std_ = 0;
  std::vector<float> samples_;
};

class ScoreTap : public Tap {
 public:
  // `dtype`: the model's.
  ScoreTap(ActivationMetric metric, DType dtype, const std::vector<const LinearSpec*>& linears);
  bool wants(const Linear& linear) const override { return scores_.count(linear.name()) > 0; }
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>& sequences) override;
  // Nothing for a linear that no token came to.
  std::optional<double> score(const std::string& linear) const;

 private:
  DType dtype_;
  std::map<std::string, ActivationScore> scores_;  // of those that are looked at
  std::map<std::string, std::string> looked_at_;   // linear -> which of its group
};

}  // namespace msmodelslim
