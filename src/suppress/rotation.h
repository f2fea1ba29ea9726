#pragma once
// Orthogonal matrices R [n, n] that a model's hidden space is turned with.
//
//   hadamard  Q = D (H_K^T x S_P) / sqrt(n): random signs D, table H_K, Sylvester's S_P; with a
//   block
//             size b, one Q(b) repeated on the diagonal
//   shifted   B P B: B block-diagonal of Q(b), P the circular shift by 16
//   dense     any matrix (learned rotations)
// QuaRot (Ashkboos et al., arXiv 2404.00456); exact matrices: outlier-suppression reference 9.
// Hadamard matrices are applied by the fast transform, n (log P + K) operations a row, not n^2.

#include <cstdint>
#include <variant>
#include <vector>

#include "forward/block.h"

namespace msmodelslim {

class Rotation {
 public:
  // block -1: one matrix of the whole size. Throws UsageError when no Hadamard matrix of that size
  // is known or the block does not divide it.
  static Rotation hadamard(std::int64_t size, std::int64_t block = -1);
  static constexpr std::int64_t kShiftedBlock = 32;  // the usual one
  static Rotation shifted(std::int64_t size, std::int64_t block);
  static Rotation dense(std::vector<float> matrix, std::int64_t size);

  std::int64_t size() const { return size_; }
  bool is_identity() const { return parts_.empty(); }
  // x <- x (I x R) for x [rows, width]; width a multiple of size().
  void rotate_rows(float* x, std::int64_t rows, std::int64_t width) const;
  // x <- (I x R)^T x for x [rows, width]; rows a multiple of size().
  void rotate_columns(float* x, std::int64_t rows, std::int64_t width) const;
  std::vector<float> matrix() const;  // [size, size]

 private:
  struct Hadamard {  // blocks of `n` = k * 2^p
    std::int64_t n;
    std::int64_t k;
    std::vector<float> table;
    std::vector<float> signs;
  };
  struct Shift {
    std::int64_t by;
  };
  struct Dense {
    std::vector<float> matrix;
  };
  explicit Rotation(std::int64_t size) : size_(size) {}
  static void transform(const Hadamard& part, float* x, std::int64_t size);
  static void transform(const Shift& part, float* x, std::int64_t size);
  static void transform(const Dense& part, float* x, std::int64_t size);
  void add_blocks(std::int64_t block);
  void rotate_here(float* x, std::int64_t rows, std::int64_t width) const;  // on this thread

  std::int64_t size_;
  std::vector<std::variant<Hadamard, Shift, Dense>> parts_;  // applied in order
};

// W <- W (I x R): turns what the linear reads. The bias stays.
void rotate_input(Linear& linear, const Rotation& rotation);
// W <- (I x R)^T W, b <- (I x R)^T b: turns what it gives.
void rotate_output(Linear& linear, const Rotation& rotation);

}  // namespace msmodelslim
