#pragma once
// A rotation that an engine applies to the input of a linear at run time (online QuaRot), or the
// transform of FlatQuant, whose matrices need not be orthogonal.
//
// The row x is seen as a matrix X [m, n], m * n = in:  X <- M^T X N.
//   P.heads_rotation [heads, heads]           N = I, n = head_dim
//   P.kronecker_rotation_m [m, m], _n [n, n]
//   P.left_trans [m, m], P.right_trans [n, n] (or absent: I), P.clip_ratio [1]
// Source: formats reference 2.15, 2.17.

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/reader.h"

namespace msmodelslim {

struct InputRotation {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::vector<float> left;   // M; empty: identity
  std::vector<float> right;  // N; empty: identity
  bool flat = false;         // FlatQuant's
  float clip_ratio = 1;      // its int4 activations take this times max |x| as their largest value

  bool is_identity() const { return left.empty() && right.empty(); }
  void apply(const float* x, std::int64_t rows, float* out) const;  // [rows, m * n]
  InputRotation transposed() const;
  // The transposes of a rotation; real inverses of FlatQuant's. Throws DataError for a matrix that
  // has none.
  InputRotation inverse() const;
};

inline constexpr const char* kHeadsRotation = ".heads_rotation";
inline constexpr const char* kKroneckerM = ".kronecker_rotation_m";
inline constexpr const char* kKroneckerN = ".kronecker_rotation_n";

// What the checkpoint says about linear `name` with `in` inputs; identity when it says nothing.
// Throws DataError when the tensors do not fit.
InputRotation read_input_rotation(const CheckpointReader& checkpoint, const std::string& name,
                                  std::int64_t in);

}  // namespace msmodelslim
