#include "kernels/cholesky.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "kernels/gemm.h"

// H = R R^T with R upper triangular (Cholesky from the last column to the first), so that
// inverse(H) = R^-T R^-1 and U = R^-1. Both steps run on blocks of kBlock columns: the diagonal
// block in double, the rest as matrix products.

namespace msmodelslim {
namespace {

constexpr std::int64_t kBlock = 128;
constexpr std::int64_t kRowTile = 256;

// d [w,w]: its upper triangle becomes R with d = R R^T; t becomes R^-1.
bool factor_block(std::vector<double>& d, std::vector<double>& t, std::int64_t w) {
  const auto at = [w](std::int64_t r, std::int64_t c) {
    return static_cast<std::size_t>(r * w + c);
  };
  for (std::int64_t c = w - 1; c >= 0; --c) {
    double rest = d[at(c, c)];
    for (std::int64_t k = c + 1; k < w; ++k) rest -= d[at(c, k)] * d[at(c, k)];
    if (!(rest > 0)) return false;
    d[at(c, c)] = std::sqrt(rest);
    for (std::int64_t r = 0; r < c; ++r) {
      double sum = d[at(r, c)];
      for (std::int64_t k = c + 1; k < w; ++k) sum -= d[at(r, k)] * d[at(c, k)];
      d[at(r, c)] = sum / d[at(c, c)];
    }
  }
  std::fill(t.begin(), t.end(), 0.0);
  for (std::int64_t c = 0; c < w; ++c) {
    t[at(c, c)] = 1 / d[at(c, c)];
    for (std::int64_t r = c - 1; r >= 0; --r) {
      double sum = 0;
      for (std::int64_t k = r + 1; k <= c; ++k) sum += d[at(r, k)] * t[at(k, c)];
      t[at(r, c)] = -sum / d[at(r, r)];
    }
  }
  return true;
}

template <typename Body>
void for_row_tiles(std::int64_t rows, const Body& body) {
  parallel_for((rows + kRowTile - 1) / kRowTile, [&](std::int64_t tile) {
    body(tile * kRowTile, std::min(kRowTile, rows - tile * kRowTile));
  });
}

class Factorization {
 public:
  Factorization(std::vector<float>& h, std::int64_t n)
      : h_(h.data()), n_(n), blocks_((n + kBlock - 1) / kBlock) {
    inverses_.resize(static_cast<std::size_t>(blocks_));
  }

  // The upper triangle of h becomes R; inverses_[j] the inverse of its diagonal block j.
  bool factor() {
    for (std::int64_t j = blocks_ - 1; j >= 0; --j) {
      std::vector<float> diagonal = block_at(j);
      subtract_later_columns(j, diagonal.data());
      if (!factor_diagonal(j, diagonal)) return false;
      solve_panel(j);
    }
    return true;
  }

  std::vector<float> invert() const {
    std::vector<float> u(static_cast<std::size_t>(n_ * n_), 0.0F);
    parallel_for(blocks_, [&](std::int64_t item) { invert_column(blocks_ - 1 - item, u.data()); });
    return u;
  }

 private:
  std::int64_t begin(std::int64_t j) const { return j * kBlock; }
  std::int64_t end(std::int64_t j) const { return std::min(n_, (j + 1) * kBlock); }
  std::int64_t width(std::int64_t j) const { return end(j) - begin(j); }
  float* at(std::int64_t row, std::int64_t column) const { return h_ + row * n_ + column; }

  std::vector<float> block_at(std::int64_t j) const {
    const std::int64_t w = width(j);
    std::vector<float> block(static_cast<std::size_t>(w * w));
    for (std::int64_t r = 0; r < w; ++r)
      std::copy_n(at(begin(j) + r, begin(j)), w, block.data() + r * w);
    return block;
  }

  // H[:end(j), j] -= R[:end(j), later] R[j, later]^T, the diagonal block in `diagonal`.
  void subtract_later_columns(std::int64_t j, float* diagonal) {
    const std::int64_t depth = n_ - end(j);
    if (depth == 0) return;
    std::vector<float> minus(static_cast<std::size_t>(width(j) * depth));
    for (std::int64_t r = 0; r < width(j); ++r)
      std::transform(at(begin(j) + r, end(j)), at(begin(j) + r, end(j)) + depth,
                     minus.data() + r * depth, [](float value) { return -value; });
    matmul_nt_tile(at(begin(j), end(j)), n_, minus.data(), depth, diagonal, width(j), width(j),
                   width(j), depth, 1.0F);
    for_row_tiles(begin(j), [&](std::int64_t row, std::int64_t rows) {
      matmul_nt_tile(at(row, end(j)), n_, minus.data(), depth, at(row, begin(j)), n_, rows,
                     width(j), depth, 1.0F);
    });
  }

  bool factor_diagonal(std::int64_t j, const std::vector<float>& block) {
    const std::int64_t w = width(j);
    std::vector<double> d(block.begin(), block.end());
    std::vector<double> t(d.size());
    if (!factor_block(d, t, w)) return false;
    for (std::int64_t r = 0; r < w; ++r)
      std::copy_n(d.data() + r * w + r, w - r, at(begin(j) + r, begin(j) + r));
    inverses_[static_cast<std::size_t>(j)].assign(t.begin(), t.end());
    return true;
  }

  // R[:begin(j), j] = H[:begin(j), j] R[j,j]^-T
  void solve_panel(std::int64_t j) {
    const std::int64_t w = width(j);
    const std::vector<float>& inverse = inverses_[static_cast<std::size_t>(j)];
    for_row_tiles(begin(j), [&](std::int64_t row, std::int64_t rows) {
      std::vector<float> solved(static_cast<std::size_t>(rows * w));
      matmul_nt_tile(at(row, begin(j)), n_, inverse.data(), w, solved.data(), w, rows, w, w);
      for (std::int64_t r = 0; r < rows; ++r)
        std::copy_n(solved.data() + r * w, w, at(row + r, begin(j)));
    });
  }

  // U[j,j] = R[j,j]^-1, U[i,j] = -R[i,i]^-1 sum of R[i,k] U[k,j] over i < k <= j, upwards.
  void invert_column(std::int64_t j, float* u) const {
    const std::int64_t w = width(j);
    const std::vector<float>& last = inverses_[static_cast<std::size_t>(j)];
    for (std::int64_t r = 0; r < w; ++r)
      std::copy_n(last.data() + r * w, w, u + (begin(j) + r) * n_ + begin(j));
    for (std::int64_t i = j - 1; i >= 0; --i) {
      std::vector<float> sum(static_cast<std::size_t>(width(i) * w));
      matmul_nn_tile(at(begin(i), end(i)), n_, u + end(i) * n_ + begin(j), n_, sum.data(), w,
                     width(i), w, end(j) - end(i));
      for (float& value : sum) value = -value;
      matmul_nn_tile(inverses_[static_cast<std::size_t>(i)].data(), width(i), sum.data(), w,
                     u + begin(i) * n_ + begin(j), n_, width(i), w, width(i));
    }
  }

  float* h_;
  std::int64_t n_;
  std::int64_t blocks_;
  std::vector<std::vector<float>> inverses_;
};

}  // namespace

bool inverse_cholesky(std::vector<float>& h, std::int64_t n) {
  Factorization factorization(h, n);
  if (!factorization.factor()) return false;
  h = factorization.invert();
  return std::all_of(h.begin(), h.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace msmodelslim
