#pragma once
// A rotation of the residual stream that is fitted to the activations it will turn (adapt_rotation
// stage 1; reference: outlier-suppression 14.1).
//
//   R <- I;  repeat:  A = X H0 R;  B = fq(A) per row;  R <- R polar(A^T B)
//   fq: symmetric integers, step = max(max|row| / B, 1e-5)
//   kept: the H0 R with the least ||A - fq(A)||_F; stops after 5 steps without progress
// polar(C) = C (C^T C)^(-1/2) is the rotation that brings A closest to B (orthogonal Procrustes),
// found by Newton-Schulz iterations.
// Different from the Python tool: rows are tokens, spread evenly over the calibration set; there,
// one row per sample, the mean over its tokens, so that the fit is decided by rounding noise.

#include <cstdint>
#include <vector>

#include "suppress/rotation.h"

namespace msmodelslim {

struct AdaptConfig {
  int steps = 20;
  int bits = 4;  // 4 or 8
};

struct AdaptResult {
  std::vector<float> matrix;   // H0 R [width, width]
  std::vector<double> losses;  // ||A - fq(A)||_F / count, before and after every step
};

// x [rows, width]: activations, unrotated. All threads.
AdaptResult adapt_rotation(const AdaptConfig& config, const Rotation& start, std::vector<float> x,
                           std::int64_t rows);

// Nearest orthogonal matrix to c [n, n].
std::vector<float> polar_factor(std::vector<float> c, std::int64_t n);

}  // namespace msmodelslim
