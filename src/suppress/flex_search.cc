#include "suppress/flex_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRows = 2048;  // rows of X per product

std::vector<float> column_abs_max(const float* x, std::int64_t rows, std::int64_t k) {
  std::vector<float> result(static_cast<std::size_t>(k), 0.0F);
  parallel_ranges(k, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t j = begin; j < end; ++j) {
        const float value = std::fabs(x[r * k + j]);
        float& best = result[static_cast<std::size_t>(j)];
        best = value > best ? value : best;
      }
  });
  return result;
}

// out = q8(x * factor) row by row; a zero row gives 0/0 = NaN, as in the Python tool.
void quantize_rows(const float* x, const std::vector<float>& factor, std::int64_t rows,
                   std::int64_t k, float* out) {
  parallel_for(rows, [&](std::int64_t r) {
    float* line = out + r * k;
    for (std::int64_t j = 0; j < k; ++j)
      line[j] = x[r * k + j] * factor[static_cast<std::size_t>(j)];
    const float step = abs_max(line, k) / 127.0F;
    if (step == 0.0F || std::isnan(step)) {
      std::fill(line, line + k, std::numeric_limits<float>::quiet_NaN());
      return;
    }
    fake_quantize_s8(line, step, 0.0F, line, k);
  });
}

double sum_of_squares(const float* a, const float* b, std::int64_t rows, std::int64_t n) {
  std::vector<double> parts(static_cast<std::size_t>(rows));
  parallel_for(rows, [&](std::int64_t r) {
    double sum = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      const float d = a[r * n + j] - (b == nullptr ? 0.0F : b[r * n + j]);
      sum += static_cast<double>(d) * static_cast<double>(d);
    }
    parts[static_cast<std::size_t>(r)] = sum;
  });
  double total = 0;
  for (double part : parts) total += part;
  return total;
}

class Scorer {
 public:
  Scorer(const float* x, std::int64_t rows, const float* w, std::int64_t n, std::int64_t k)
      : x_(x),
        w_(w),
        rows_(rows),
        n_(n),
        k_(k),
        x_max_(column_abs_max(x, rows, k)),
        w_max_(column_abs_max(w, n, k)),
        exact_(static_cast<std::size_t>(std::min(rows, kRows) * n)),
        quantized_(exact_.size()),
        x_part_(static_cast<std::size_t>(std::min(rows, kRows) * k)),
        w_part_(static_cast<std::size_t>(n * k)) {}

  double score(double alpha, double beta) {
    std::vector<float> up(static_cast<std::size_t>(k_));
    std::vector<float> down(up.size());
    for (std::size_t j = 0; j < up.size(); ++j) {
      const float t = std::pow(x_max_[j], static_cast<float>(alpha)) *
                      std::pow(w_max_[j], static_cast<float>(-beta));
      up[j] = t;
      down[j] = 1.0F / t;
    }
    quantize_rows(w_, up, n_, k_, w_part_.data());
    double error = 0;
    double norm = 0;
    for (std::int64_t begin = 0; begin < rows_; begin += kRows) {
      const std::int64_t rows = std::min(kRows, rows_ - begin);
      const float* x = x_ + begin * k_;
      matmul_nt(x, k_, w_, k_, exact_.data(), n_, rows, n_, k_);
      quantize_rows(x, down, rows, k_, x_part_.data());
      matmul_nt(x_part_.data(), k_, w_part_.data(), k_, quantized_.data(), n_, rows, n_, k_);
      error += sum_of_squares(quantized_.data(), exact_.data(), rows, n_);
      norm += sum_of_squares(exact_.data(), nullptr, rows, n_);
    }
    return std::sqrt(error) / std::sqrt(norm);
  }

 private:
  const float* x_;
  const float* w_;
  std::int64_t rows_;
  std::int64_t n_;
  std::int64_t k_;
  std::vector<float> x_max_, w_max_, exact_, quantized_, x_part_, w_part_;
};

}  // namespace

FlexChoice search_flex(const float* x, std::int64_t rows, const float* w, std::int64_t n,
                       std::int64_t k) {
  Scorer scorer(x, rows, w, n, k);
  constexpr int kSteps = 20;
  FlexChoice choice;
  choice.score = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= kSteps; ++i) {
    const double alpha = i / 20.0;
    const double score = scorer.score(alpha, 1 - alpha);
    if (score <= choice.score) {
      choice.score = score;
      choice.alpha = alpha;
      choice.found = true;
    }
  }
  for (int i = 0; i <= kSteps; ++i) {
    const double beta = i / 20.0;
    const double score = scorer.score(choice.alpha, beta);
    if (score <= choice.score) {
      choice.score = score;
      choice.beta = beta;
      choice.found = true;
    }
  }
  return choice;
}

}  // namespace msmodelslim
