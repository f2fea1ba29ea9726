#include "kernels/grad/kronecker.h"

#include <algorithm>
#include <vector>

#include "base/threads.h"
#include "kernels/gemm.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kPieceRows = 64;

// One piece of rows on the calling thread; its sums start at zero.
class Piece {
 public:
  Piece(KroneckerShape shape, const float* left, const float* right)
      : m_(shape.m), n_(shape.n), left_(left), right_(right) {}

  void run(const float* x, const float* dy, std::int64_t rows, float* dx, float* dleft,
           float* dright) {
    const std::int64_t count = rows * m_ * n_;
    const float* turned = x;  // X R
    if (left_ != nullptr && right_ != nullptr) {
      turned_.resize(static_cast<std::size_t>(count));
      matmul_nn_tile(x, n_, right_, n_, turned_.data(), n_, rows * m_, n_, n_);
      turned = turned_.data();
    }
    const float* back = dy;  // L dY
    if (left_ != nullptr) {
      back_.resize(static_cast<std::size_t>(count));
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t at = r * m_ * n_;
        matmul_nt_tile(turned + at, n_, dy + at, n_, dleft, m_, m_, m_, n_, 1.0F);
        matmul_nn_tile(left_, m_, dy + at, n_, back_.data() + at, n_, m_, n_, m_);
      }
      back = back_.data();
    }
    if (right_ == nullptr) {
      if (back != dx) std::copy_n(back, count, dx);
      return;
    }
    matmul_tn_tile(x, n_, back, n_, dright, n_, n_, n_, rows * m_);
    if (back == dx) {
      back_.assign(back, back + count);
      back = back_.data();
    }
    matmul_nt_tile(back, n_, right_, n_, dx, n_, rows * m_, n_, n_);
  }

 private:
  std::int64_t m_, n_;
  const float *left_, *right_;
  std::vector<float> turned_, back_;
};

void add_sums(const std::vector<float>& sums, std::int64_t pieces, std::int64_t count,
              double* total) {
  for (std::int64_t piece = 0; piece < pieces; ++piece)
    for (std::int64_t i = 0; i < count; ++i)
      total[i] += static_cast<double>(sums[static_cast<std::size_t>(piece * count + i)]);
}

}  // namespace

void kronecker_grad(KroneckerShape shape, const float* left, const float* right, const float* x,
                    const float* dy, std::int64_t rows, float* dx, double* dleft, double* dright) {
  const std::int64_t pieces = (rows + kPieceRows - 1) / kPieceRows;
  const std::int64_t width = shape.m * shape.n;
  const std::int64_t left_count = left == nullptr ? 0 : shape.m * shape.m;
  const std::int64_t right_count = right == nullptr ? 0 : shape.n * shape.n;
  std::vector<float> lefts(static_cast<std::size_t>(pieces * left_count));
  std::vector<float> rights(static_cast<std::size_t>(pieces * right_count));
  parallel_for(pieces, [&](std::int64_t piece) {
    const std::int64_t at = piece * kPieceRows * width;
    Piece(shape, left, right)
        .run(x + at, dy + at, std::min(kPieceRows, rows - piece * kPieceRows), dx + at,
             lefts.data() + piece * left_count, rights.data() + piece * right_count);
  });
  add_sums(lefts, pieces, left_count, dleft);
  add_sums(rights, pieces, right_count, dright);
}

}  // namespace msmodelslim
