#include "quantize/hessian.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "kernels/cholesky.h"
#include "kernels/gemm.h"

namespace msmodelslim {
namespace {
constexpr std::int64_t kTile = 256;
}  // namespace

void Hessian::add(const float* x, std::int64_t rows) {
  if (values_.empty()) values_.assign(static_cast<std::size_t>(width_ * width_), 0.0F);
  rows_ += rows;
  // Tiles of the upper triangle.
  const std::int64_t tiles = (width_ + kTile - 1) / kTile;
  parallel_for(tiles * tiles, [&](std::int64_t item) {
    const std::int64_t row = item / tiles * kTile;
    const std::int64_t column = item % tiles * kTile;
    if (column < row) return;
    matmul_tn_tile(x + row, width_, x + column, width_, values_.data() + row * width_ + column,
                   width_, std::min(kTile, width_ - row), std::min(kTile, width_ - column), rows,
                   1.0F);
  });
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

bool Hessian::factor(double percdamp) {
  if (factored_) return usable_;
  factored_ = true;
  const auto n = static_cast<std::size_t>(width_);
  dead_.assign(n, false);
  if (rows_ == 0) return false;
  const double scale = 2.0 / static_cast<double>(rows_);
  std::vector<double> diagonal(n);
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i) {
    diagonal[i] = scale * static_cast<double>(values_[i * n + i]);
    dead_[i] = diagonal[i] == 0;
    if (dead_[i]) diagonal[i] = 1;
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
      return true;
    }
  }
  return false;
}

}  // namespace msmodelslim
