#include "quantize/hessian.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/threads.h"
#include "forward/statistics_reader.h"
#include "kernels/cholesky.h"
#include "kernels/gram.h"

namespace msmodelslim {

void Hessian::add(const float* x, std::int64_t rows) {
  if (values_.empty()) values_.assign(static_cast<std::size_t>(width_ * width_), 0.0F);
  rows_ += rows;
  add_gram(x, rows, width_, values_.data());
}

void Hessian::hold(std::size_t chunk, const float* x, std::int64_t rows) {
  std::vector<float>& held = held_[chunk];
  held.insert(held.end(), x, x + rows * width_);
}

void Hessian::combine(Ranks& ranks) {
  ByteWriter writer;
  for (const auto& [chunk, values] : held_) writer.value<std::uint64_t>(values.size());
  const std::vector<Bytes> sizes = ranks.gather(writer.take());
  const std::int64_t begin = gram_border(width_, ranks.rank(), ranks.size());
  const std::int64_t end = gram_border(width_, ranks.rank() + 1, ranks.size());
  for (int rank = 0; rank < ranks.size(); ++rank) {
    ByteReader reader(sizes[static_cast<std::size_t>(rank)]);
    while (!reader.at_end()) {
      const auto size = reader.value<std::uint64_t>();
      std::vector<float> x(size);
      if (rank == ranks.rank()) {
        x = std::move(held_.begin()->second);
        held_.erase(held_.begin());
      }
      ranks.broadcast(rank, x.data(), size * sizeof(float));
      const std::int64_t rows = static_cast<std::int64_t>(size) / width_;
      if (values_.empty()) values_.assign(static_cast<std::size_t>(width_ * width_), 0.0F);
      rows_ += rows;
      if (begin < end) add_gram_columns(x.data(), rows, width_, begin, end, values_.data());
    }
  }
  if (!values_.empty()) share_columns(ranks);
}

// Every rank has made its columns of the upper triangle; now all get all.
void Hessian::share_columns(Ranks& ranks) {
  for (int rank = 0; rank < ranks.size(); ++rank) {
    const std::int64_t begin = gram_border(width_, rank, ranks.size());
    const std::int64_t end = gram_border(width_, rank + 1, ranks.size());
    if (begin == end) continue;
    std::vector<float> part;
    part.reserve(static_cast<std::size_t>(end * (end - begin)));
    for (std::int64_t row = 0; row < end; ++row) {
      const float* from = values_.data() + row * width_;
      part.insert(part.end(), from + std::max(row, begin), from + end);
    }
    ranks.broadcast(rank, part.data(), part.size() * sizeof(float));
    const float* from = part.data();
    for (std::int64_t row = 0; row < end; ++row) {
      const std::int64_t first = std::max(row, begin);
      std::copy_n(from, end - first, values_.data() + row * width_ + first);
      from += end - first;
    }
  }
}

// The upper triangle: what lies below is not used.
void Hessian::store(ByteWriter& out) const {
  out.value(rows_);
  if (rows_ == 0) return;
  const auto n = static_cast<std::size_t>(width_);
  out.reserve(sizeof(rows_) + n * sizeof(std::uint64_t) + n * (n + 1) / 2 * sizeof(float));
  for (std::size_t row = 0; row < n; ++row) out.values(values_.data() + row * n + row, n - row);
}

void Hessian::load(StatisticsReader& in) {
  rows_ = in.value<std::int64_t>();
  if (rows_ == 0) return;
  const auto n = static_cast<std::size_t>(width_);
  values_.assign(n * n, 0.0F);
  for (std::size_t row = 0; row < n; ++row) {
    const std::vector<float> values = in.values<float>(n - row);
    std::copy(values.begin(), values.end(), values_.data() + row * n + row);
  }
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
