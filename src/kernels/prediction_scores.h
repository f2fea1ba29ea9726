#pragma once
// How far the predictions of one model are from those of another, token by token, out of
// log-probabilities [rows, vocab].
//   nll  -log p(next token);  KL  sum_v pf(v) (log pf(v) - log p(v)), f: the reference

#include <cstdint>
#include <vector>

namespace msmodelslim {

struct PredictionScores {
  std::vector<double> nll;
  // With a reference only:
  std::vector<double> reference_nll;
  std::vector<double> kl;
  std::int64_t same = 0;  // predictions for which both put the same token first

  // Adds `rows` predictions; next[r]: the token that came. `reference` may be null.
  void add(const float* mine, const float* reference, const std::int32_t* next, std::int64_t rows,
           std::int64_t vocab);
};

}  // namespace msmodelslim
