#include "suppress/flex_awq_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.h"
#include "kernels/distance.h"
#include "kernels/gemm.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRows = 1024;  // of a product at once

std::vector<float> column_abs_max(const float* x, std::int64_t rows, std::int64_t k) {
  std::vector<float> max(static_cast<std::size_t>(k), 0.0F);
  parallel_ranges(k, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t j = begin; j < end; ++j) {
        float& best = max[static_cast<std::size_t>(j)];
        best = std::max(best, std::fabs(x[r * k + j]));
      }
  });
  return max;
}

// out = x * factor, row by row
void scale_rows(const float* x, const std::vector<float>& factor, std::int64_t rows, float* out) {
  const auto k = static_cast<std::int64_t>(factor.size());
  parallel_ranges(rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      for (std::int64_t j = 0; j < k; ++j)
        out[r * k + j] = x[r * k + j] * factor[static_cast<std::size_t>(j)];
  });
}

double distance(const float* a, const float* b, std::int64_t rows, std::int64_t n) {
  std::vector<double> parts(static_cast<std::size_t>(rows));
  parallel_for(rows, [&](std::int64_t r) {
    parts[static_cast<std::size_t>(r)] = squared_distance(a + r * n, b + r * n, n);
  });
  double total = 0;
  for (double part : parts) total += part;
  return total;
}

class Scorer {
 public:
  Scorer(const float* x, std::int64_t rows, const std::vector<Linear*>& targets,
         const RoundWeight& round_weight, const RoundInput& round_input)
      : x_(x),
        rows_(rows),
        k_(targets.front()->spec().in),
        targets_(targets),
        round_weight_(round_weight),
        round_input_(round_input),
        x_max_(column_abs_max(x, rows, k_)),
        input_(static_cast<std::size_t>(rows * k_)) {
    std::int64_t largest = 0;
    for (Linear* target : targets) {
      const std::int64_t n = target->spec().out;
      exact_.emplace_back(static_cast<std::size_t>(rows * n));
      matmul_nt(x, k_, target->weight(), k_, exact_.back().data(), n, rows, n, k_);
      const std::vector<float> zeros(exact_.back().size());
      norm_ += distance(exact_.back().data(), zeros.data(), rows, n);
      largest = std::max(largest, n);
    }
    weight_.resize(static_cast<std::size_t>(largest * k_));
    product_.resize(static_cast<std::size_t>(std::min(rows, kRows) * largest));
  }

  // Squared error, or anything above `limit` once it is above.
  double error(double alpha, double limit) {
    std::vector<float> up(x_max_.size());
    std::vector<float> down(x_max_.size());
    for (std::size_t j = 0; j < up.size(); ++j) {
      up[j] = std::pow(x_max_[j], static_cast<float>(alpha));
      down[j] = 1.0F / up[j];
    }
    scale_rows(x_, down, rows_, input_.data());
    if (round_input_) round_input_(input_.data(), rows_, k_);
    double error = 0;
    for (std::size_t t = 0; t < targets_.size() && !(error > limit); ++t) {
      const std::int64_t n = targets_[t]->spec().out;
      scale_rows(targets_[t]->weight(), up, n, weight_.data());
      round_weight_(targets_[t]->spec(), weight_.data());
      for (std::int64_t r = 0; r < rows_ && !(error > limit); r += kRows) {
        const std::int64_t rows = std::min(kRows, rows_ - r);
        matmul_nt(input_.data() + r * k_, k_, weight_.data(), k_, product_.data(), n, rows, n, k_);
        error += distance(product_.data(), exact_[t].data() + r * n, rows, n);
      }
    }
    return error;
  }

  double score(double error) const { return std::sqrt(error) / std::sqrt(norm_); }

 private:
  const float* x_;
  std::int64_t rows_;
  std::int64_t k_;
  const std::vector<Linear*>& targets_;
  const RoundWeight& round_weight_;
  const RoundInput& round_input_;
  std::vector<float> x_max_, input_, weight_, product_;
  std::vector<std::vector<float>> exact_;  // X W^T per target
  double norm_ = 0;
};

}  // namespace

FlexChoice search_flex_awq(const float* x, std::int64_t rows, const std::vector<Linear*>& targets,
                           const RoundWeight& round_weight, const RoundInput& round_input) {
  FlexChoice choice;
  choice.score = std::numeric_limits<double>::infinity();
  if (rows == 0) return choice;
  Scorer scorer(x, rows, targets, round_weight, round_input);
  double least = std::numeric_limits<double>::infinity();
  constexpr int kSteps = 20;
  for (int i = 0; i <= kSteps; ++i) {
    const double error = scorer.error(i / 20.0, least);
    if (!(error <= least)) continue;
    least = error;
    choice = {i / 20.0, 0, scorer.score(error), true};
  }
  return choice;
}

}  // namespace msmodelslim
