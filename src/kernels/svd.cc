#include "kernels/svd.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "base/threads.h"
#include "kernels/gemm.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kExtra = 16;  // rows beyond the rank: they make the leading ones converge
constexpr int kMostRounds = 30;
constexpr double kGrowth = 1e-4;  // relative, of the energy of the block
constexpr std::int64_t kColumnTile = 512;
constexpr double kNegligible = 1e-6;  // length of what is left of a dependent row
constexpr int kSweeps = 30;

using Rows = std::vector<float>;           // [block, length]
using SquareMatrix = std::vector<double>;  // [block, block]

// Eight running sums, which the compiler keeps in registers.
double dot(const float* a, const float* b, std::int64_t n) {
  double sums[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int lane = 0; lane < 8; ++lane)
      sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
  for (; i < n; ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return std::accumulate(std::begin(sums), std::end(sums), 0.0);
}

// Gram-Schmidt, each row twice; a row that depends on those before it becomes zero.
void orthonormalize(Rows& x, std::int64_t block, std::int64_t n) {
  for (std::int64_t i = 0; i < block; ++i) {
    float* row = x.data() + i * n;
    const double before = std::sqrt(dot(row, row, n));
    for (int pass = 0; pass < 2; ++pass)
      for (std::int64_t j = 0; j < i; ++j) {
        const float* other = x.data() + j * n;
        const auto share = static_cast<float>(dot(row, other, n));
        for (std::int64_t c = 0; c < n; ++c) row[c] -= share * other[c];
      }
    const double after = std::sqrt(dot(row, row, n));
    const auto factor = static_cast<float>(after > kNegligible * before ? 1 / after : 0);
    for (std::int64_t c = 0; c < n; ++c) row[c] *= factor;
  }
}

SquareMatrix gram(const Rows& x, std::int64_t block, std::int64_t n) {
  SquareMatrix g(static_cast<std::size_t>(block * block));
  parallel_for(block, [&](std::int64_t i) {
    for (std::int64_t j = 0; j < block; ++j)
      g[static_cast<std::size_t>(i * block + j)] = dot(x.data() + i * n, x.data() + j * n, n);
  });
  return g;
}

double trace(const SquareMatrix& g, std::int64_t block) {
  double sum = 0;
  for (std::int64_t i = 0; i < block; ++i) sum += g[static_cast<std::size_t>(i * (block + 1))];
  return sum;
}

// Cyclic Jacobi: g becomes diagonal, the columns of the result are its eigenvectors.
SquareMatrix diagonalize(SquareMatrix& g, std::int64_t n) {
  const auto at = [n](std::int64_t r, std::int64_t c) {
    return static_cast<std::size_t>(r * n + c);
  };
  SquareMatrix vectors(g.size());
  for (std::int64_t i = 0; i < n; ++i) vectors[at(i, i)] = 1;
  const double negligible = 1e-15 * trace(g, n);
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    bool done = true;
    for (std::int64_t p = 0; p < n; ++p)
      for (std::int64_t q = p + 1; q < n; ++q) {
        const double off = g[at(p, q)];
        if (std::fabs(off) <= negligible) continue;
        done = false;
        const double ratio = (g[at(q, q)] - g[at(p, p)]) / (2 * off);
        const double t = (ratio >= 0 ? 1 : -1) / (std::fabs(ratio) + std::hypot(ratio, 1.0));
        const double c = 1 / std::hypot(t, 1.0);
        const double s = t * c;
        const auto rotate = [&](double& x, double& y) {
          const double before = x;
          x = c * before - s * y;
          y = s * before + c * y;
        };
        for (std::int64_t k = 0; k < n; ++k) rotate(g[at(k, p)], g[at(k, q)]);
        for (std::int64_t k = 0; k < n; ++k) rotate(g[at(p, k)], g[at(q, k)]);
        for (std::int64_t k = 0; k < n; ++k) rotate(vectors[at(k, p)], vectors[at(k, q)]);
      }
    if (done) break;
  }
  return vectors;
}

class Iteration {
 public:
  Iteration(const float* a, std::int64_t rows, std::int64_t columns, std::int64_t rank)
      : a_(a),
        rows_(rows),
        columns_(columns),
        rank_(rank),
        block_(std::min({rank + kExtra, rows, columns})),
        left_(static_cast<std::size_t>(block_ * rows)),
        right_(static_cast<std::size_t>(block_ * columns)) {}

  void run() {
    start();
    double energy = 0;
    for (int round = 0; round < kMostRounds; ++round) {
      orthonormalize(right_, block_, columns_);
      matmul_nt(right_.data(), columns_, a_, columns_, left_.data(), rows_, block_, rows_,
                columns_);
      orthonormalize(left_, block_, rows_);
      multiply_left();
      gram_ = gram(right_, block_, columns_);
      const double grown = trace(gram_, block_);
      if (grown - energy <= kGrowth * grown) break;
      energy = grown;
    }
  }

  TruncatedSvd result() {
    const SquareMatrix vectors = diagonalize(gram_, block_);
    std::vector<std::int64_t> order(static_cast<std::size_t>(block_));
    std::iota(order.begin(), order.end(), 0);
    const auto value = [&](std::int64_t i) {
      return gram_[static_cast<std::size_t>(i * (block_ + 1))];
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t i, std::int64_t j) { return value(i) > value(j); });
    TruncatedSvd svd;
    svd.left.resize(static_cast<std::size_t>(rows_ * rank_));
    svd.right.resize(static_cast<std::size_t>(rank_ * columns_));
    const double largest = std::sqrt(std::max(value(order[0]), 0.0));
    parallel_for(rank_, [&](std::int64_t i) {
      std::vector<double> weights(static_cast<std::size_t>(block_));
      for (std::int64_t j = 0; j < block_; ++j)
        weights[static_cast<std::size_t>(j)] =
            vectors[static_cast<std::size_t>(j * block_ + order[static_cast<std::size_t>(i)])];
      write_triplet(i, weights, largest, svd);
    });
    return svd;
  }

 private:
  void start() {
    std::mt19937 bits(42);  // its sequence is part of the C++ standard
    for (float& value : right_) value = static_cast<float>(bits()) * 0x1p-31F - 1.0F;
  }

  // right = left A
  void multiply_left() {
    parallel_for((columns_ + kColumnTile - 1) / kColumnTile, [&](std::int64_t tile) {
      const std::int64_t c = tile * kColumnTile;
      matmul_nn_tile(left_.data(), rows_, a_ + c, columns_, right_.data() + c, columns_, block_,
                     std::min(kColumnTile, columns_ - c), rows_);
    });
  }

  std::vector<double> combine(const Rows& x, const std::vector<double>& weights,
                              std::int64_t n) const {
    std::vector<double> sum(static_cast<std::size_t>(n));
    for (std::int64_t j = 0; j < block_; ++j)
      for (std::int64_t c = 0; c < n; ++c)
        sum[static_cast<std::size_t>(c)] +=
            weights[static_cast<std::size_t>(j)] *
            static_cast<double>(x[static_cast<std::size_t>(j * n + c)]);
    return sum;
  }

  void write_triplet(std::int64_t i, const std::vector<double>& weights, double largest,
                     TruncatedSvd& svd) const {
    const std::vector<double> right = combine(right_, weights, columns_);
    const double length =
        std::sqrt(std::inner_product(right.begin(), right.end(), right.begin(), 0.0));
    if (!(length > kNegligible * largest)) return;
    const auto peak = std::max_element(
        right.begin(), right.end(), [](double x, double y) { return std::fabs(x) < std::fabs(y); });
    const double sign = *peak < 0 ? -1 : 1;
    for (std::int64_t c = 0; c < columns_; ++c)
      svd.right[static_cast<std::size_t>(i * columns_ + c)] =
          static_cast<float>(right[static_cast<std::size_t>(c)] * sign / length);
    const std::vector<double> left = combine(left_, weights, rows_);
    for (std::int64_t r = 0; r < rows_; ++r)
      svd.left[static_cast<std::size_t>(r * rank_ + i)] =
          static_cast<float>(left[static_cast<std::size_t>(r)] * sign * length);
  }

  const float* a_;
  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t rank_;
  std::int64_t block_;
  Rows left_;   // [block, rows]
  Rows right_;  // [block, columns]
  SquareMatrix gram_;
};

}  // namespace

TruncatedSvd truncated_svd(const float* a, std::int64_t rows, std::int64_t columns,
                           std::int64_t rank) {
  Iteration iteration(a, rows, columns, rank);
  iteration.run();
  return iteration.result();
}

}  // namespace msmodelslim
