#include "quantize/hessian.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/threads.h"
#include "kernels/cholesky.h"
#include "kernels/gram.h"

namespace msmodelslim {

void Hessian::add(const float* x, std::int64_t rows) {
  if (values_.empty()) values_.assign(static_cast<std::size_t>(width_ * width_), 0.0F);
  rows_ += rows;
  add_gram(x, rows, width_, values_.data());
}

// Permutes rows and columns of the upper triangle.
void Hessian::sort_by_diagonal() {
  const auto n = static_cast<std::size_t>(width_);
  const auto at = [&](std::int64_t r, std::int64_t c) {
    const auto low = static_cast<std::size_t>(std::min(r, c));
    return values_[low * n + static_cast<std::size_t>(std::max(r, c))];
  };
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::int64_t a, std::int64_t b) { return at(a, a) > at(b, b); });
  std::vector<float> sorted(n * n, 0.0F);
  parallel_for(width_, [&](std::int64_t row) {
    for (std::int64_t c = row; c < width_; ++c)
      sorted[static_cast<std::size_t>(row * width_ + c)] =
          at(order_[static_cast<std::size_t>(row)], order_[static_cast<std::size_t>(c)]);
  });
  values_ = std::move(sorted);
}

std::vector<float> Hessian::products() const {
  std::vector<float> all = values_;
  parallel_for(width_, [&](std::int64_t row) {
    for (std::int64_t c = 0; c < row; ++c)
      all[static_cast<std::size_t>(row * width_ + c)] =
          values_[static_cast<std::size_t>(c * width_ + row)];
  });
  return all;
}

bool Hessian::factor(double percdamp, bool act_order, bool keep) {
  if (factored_) return usable_;
  factored_ = true;
  const auto n = static_cast<std::size_t>(width_);
  dead_.assign(n, false);
  order_.resize(n);
  std::iota(order_.begin(), order_.end(), 0);
  if (rows_ == 0) return false;
  if (keep) damped_ = products();
  if (act_order) sort_by_diagonal();
  const double scale = 2.0 / static_cast<double>(rows_);
  std::vector<double> diagonal(n);
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i) {
    diagonal[i] = scale * static_cast<double>(values_[i * n + i]);
    const bool dead = diagonal[i] == 0;
    dead_[static_cast<std::size_t>(order_[i])] = dead;
    if (dead) diagonal[i] = 1;
    mean += diagonal[i] / static_cast<double>(n);
  }
  if (!std::isfinite(mean)) return false;
  // A copy below the diagonal, which a failed factorization leaves alone.
  parallel_for(width_, [&](std::int64_t row) {
    const auto r = static_cast<std::size_t>(row);
    for (std::size_t c = 0; c < r; ++c)
      values_[r * n + c] = values_[c * n + r] * static_cast<float>(scale);
  });
  damping_ = percdamp;
  for (int attempt = 0; attempt < kTries; ++attempt, damping_ *= 10) {
    parallel_for(width_, [&](std::int64_t row) {
      const auto r = static_cast<std::size_t>(row);
      for (std::size_t c = r + 1; c < n; ++c) values_[r * n + c] = values_[c * n + r];
    });
    for (std::size_t i = 0; i < n; ++i)
      values_[i * n + i] = static_cast<float>(diagonal[i] + damping_ * mean);
    if (inverse_cholesky(values_, width_)) {
      usable_ = true;
      for (float& value : damped_) value *= static_cast<float>(scale);
      for (std::size_t i = 0; i < n && keep; ++i) {
        const auto column = static_cast<std::size_t>(order_[i]);
        damped_[column * n + column] = static_cast<float>(diagonal[i] + damping_ * mean);
      }
      return true;
    }
  }
  return false;
}

}  // namespace msmodelslim
