#include "suppress/adapt_rotation.h"

#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

using Matrix = std::vector<float>;

constexpr std::int64_t kTile = 256;

// Calls body(row, column, rows, columns) for every tile of an [m, n] matrix.
template <typename Body>
void for_tiles(std::int64_t m, std::int64_t n, const Body& body) {
  const std::int64_t across = (n + kTile - 1) / kTile;
  parallel_for((m + kTile - 1) / kTile * across, [&](std::int64_t tile) {
    const std::int64_t row = tile / across * kTile;
    const std::int64_t column = tile % across * kTile;
    body(row, column, std::min(kTile, m - row), std::min(kTile, n - column));
  });
}

// a [m, k] b [k, n]
Matrix product(const Matrix& a, const Matrix& b, std::int64_t m, std::int64_t n, std::int64_t k) {
  Matrix y(static_cast<std::size_t>(m * n));
  for_tiles(m, n, [&](auto row, auto column, auto rows, auto columns) {
    matmul_nn_tile(a.data() + row * k, k, b.data() + column, n, y.data() + row * n + column, n,
                   rows, columns, k);
  });
  return y;
}

// a [k, m]^T b [k, n]
Matrix product_of_transposed(const Matrix& a, const Matrix& b, std::int64_t m, std::int64_t n,
                             std::int64_t k) {
  Matrix y(static_cast<std::size_t>(m * n));
  for_tiles(m, n, [&](auto row, auto column, auto rows, auto columns) {
    matmul_tn_tile(a.data() + row, m, b.data() + column, n, y.data() + row * n + column, n, rows,
                   columns, k);
  });
  return y;
}

double frobenius(const Matrix& values) {
  double sum = 0;
  for (float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

Matrix fake_quantized_rows(const Matrix& a, std::int64_t rows, std::int64_t width, int bits) {
  const float high = bits == 8 ? 127.0F : 7.0F;
  Matrix b(a.size());
  parallel_ranges(rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* from = a.data() + r * width;
      float* to = b.data() + r * width;
      const float scale = std::max(abs_max(from, width) / high, 1e-5F);
      for (std::int64_t j = 0; j < width; ++j)
        to[j] = std::clamp(std::nearbyint(from[j] / scale), -high - 1, high) * scale;
    }
  });
  return b;
}

double loss_of(const Matrix& a, const Matrix& quantized) {
  Matrix difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - quantized[i];
  return frobenius(difference) / static_cast<double>(a.size());
}

}  // namespace

std::vector<float> polar_factor(std::vector<float> c, std::int64_t n) {
  constexpr int kMost = 100;
  constexpr double kConverged = 1e-6;  // largest entry of X^T X - I
  const auto scale = static_cast<float>(1 / (frobenius(c) + 1e-12));
  for (float& value : c) value *= scale;
  for (int i = 0; i < kMost; ++i) {
    check_interrupted();
    Matrix step = product_of_transposed(c, c, n, n, n);  // X^T X
    double off = 0;
    for (std::int64_t r = 0; r < n; ++r)
      for (std::int64_t j = 0; j < n; ++j) {
        float& value = step[static_cast<std::size_t>(r * n + j)];
        const float identity = r == j ? 1.0F : 0.0F;
        off = std::max(off, static_cast<double>(std::fabs(value - identity)));
        value = 1.5F * identity - 0.5F * value;
      }
    if (off < kConverged) break;
    c = product(c, step, n, n, n);
  }
  return c;
}

AdaptResult adapt_rotation(const AdaptConfig& config, const Rotation& start, std::vector<float> x,
                           std::int64_t rows) {
  constexpr int kFirstStop = 6;  // no stop before this step
  constexpr int kPatience = 5;
  const std::int64_t width = start.size();
  start.rotate_rows(x.data(), rows, width);
  AdaptResult result;
  result.matrix = start.matrix();
  Matrix turned = result.matrix;  // H0 R of the last step
  Matrix quantized = fake_quantized_rows(x, rows, width, config.bits);
  double least = loss_of(x, quantized);
  result.losses.push_back(least);
  int bad = 0;
  for (int step = 0; step < config.steps; ++step) {
    const Matrix rotation =
        polar_factor(product_of_transposed(x, quantized, width, width, rows), width);
    x = product(x, rotation, rows, width, width);
    turned = product(turned, rotation, width, width, width);
    quantized = fake_quantized_rows(x, rows, width, config.bits);
    const double loss = loss_of(x, quantized);
    result.losses.push_back(loss);
    if (loss < least) {
      least = loss;
      result.matrix = turned;
      bad = 0;
    } else if (++bad >= kPatience && step >= kFirstStop) {
      break;
    }
  }
  return result;
}

}  // namespace msmodelslim
