#include "kernels/prediction_scores.h"

#include <algorithm>

#include "base/threads.h"
#include "kernels/log_softmax.h"

namespace msmodelslim {

void PredictionScores::add(const float* mine, const float* reference, const std::int32_t* next,
                           std::int64_t rows, std::int64_t vocab) {
  for (std::int64_t r = 0; r < rows; ++r)
    nll.push_back(-static_cast<double>(mine[r * vocab + next[r]]));
  if (reference == nullptr) return;
  const std::size_t first = kl.size();
  kl.resize(first + static_cast<std::size_t>(rows));
  std::vector<char> agree(static_cast<std::size_t>(rows));
  parallel_for(rows, [&](std::int64_t r) {
    const float* q = mine + r * vocab;
    const float* p = reference + r * vocab;
    kl[first + static_cast<std::size_t>(r)] = kl_divergence(p, q, vocab);
    agree[static_cast<std::size_t>(r)] =
        std::max_element(p, p + vocab) - p == std::max_element(q, q + vocab) - q;
  });
  for (std::int64_t r = 0; r < rows; ++r) {
    reference_nll.push_back(-static_cast<double>(reference[r * vocab + next[r]]));
    same += agree[static_cast<std::size_t>(r)];
  }
}

}  // namespace msmodelslim
