#include "forward/hyper.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "forward/scratch.h"
#include "kernels/gemm.h"

namespace msmodelslim {
namespace {

float logistic(float x) { return 1 / (1 + std::exp(-x)); }

// The softmax of a row, plus eps.
void soften(float* row, std::int64_t count, float eps) {
  const float most = *std::max_element(row, row + count);
  float sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += row[i] = std::exp(row[i] - most);
  for (std::int64_t i = 0; i < count; ++i) row[i] = row[i] / sum + eps;
}

// Divides rows, or columns, by their sums.
void divide_by_sums(float* matrix, std::int64_t n, bool rows, float eps) {
  const std::int64_t next = rows ? 1 : n;
  for (std::int64_t line = 0; line < n; ++line) {
    float* at = matrix + line * (rows ? n : 1);
    float sum = eps;
    for (std::int64_t i = 0; i < n; ++i) sum += at[i * next];
    for (std::int64_t i = 0; i < n; ++i) at[i * next] /= sum;
  }
}

// comb [n, n], in place.
void balance(float* comb, const HyperSpec& spec) {
  const std::int64_t n = spec.copies;
  const auto eps = static_cast<float>(spec.eps);
  for (std::int64_t i = 0; i < n; ++i) soften(comb + i * n, n, eps);
  divide_by_sums(comb, n, false, eps);
  for (std::int64_t round = 1; round < spec.rounds; ++round) {
    divide_by_sums(comb, n, true, eps);
    divide_by_sums(comb, n, false, eps);
  }
}

}  // namespace

void join_streams(const Hyper& hyper, const float* x, std::int64_t stride, std::int64_t width,
                  std::int64_t rows, float* joined, Workspace& ws) {
  const std::int64_t n = hyper.spec.copies;
  const auto mixes = static_cast<std::int64_t>(hyper.base.size());
  float* all = sized(ws.mixes, rows * mixes);
  matmul_nt(x, stride, hyper.fn.data(), n * width, all, mixes, rows, mixes, n * width);
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* streams = x + r * stride;
      double squares = 0;
      for (std::int64_t j = 0; j < n * width; ++j)
        squares += static_cast<double>(streams[j]) * static_cast<double>(streams[j]);
      const auto unit = static_cast<float>(
          1 / std::sqrt(squares / static_cast<double>(n * width) + hyper.spec.norm_eps));
      float* m = all + r * mixes;
      for (std::int64_t i = 0; i < mixes; ++i) {
        const auto part = static_cast<std::size_t>(std::min<std::int64_t>(i / n, 2));
        m[i] = m[i] * unit * hyper.scale[part] + hyper.base[static_cast<std::size_t>(i)];
      }
      for (std::int64_t i = 0; i < n; ++i)
        m[i] = logistic(m[i]) + static_cast<float>(hyper.spec.eps);
      for (std::int64_t i = n; i < std::min(mixes, 2 * n); ++i) m[i] = 2 * logistic(m[i]);
      if (mixes > 2 * n) balance(m + 2 * n, hyper.spec);
      float* to = joined + r * width;
      std::fill_n(to, width, 0.0F);
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < width; ++j) to[j] += m[i] * streams[i * width + j];
    }
  });
}

void mix_streams(const Hyper& hyper, const float* x, std::int64_t stride, std::int64_t width,
                 std::int64_t rows, const float* part, float* out, const Workspace& ws) {
  const std::int64_t n = hyper.spec.copies;
  const auto mixes = static_cast<std::int64_t>(hyper.base.size());
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> mixed(static_cast<std::size_t>(n * width));
    for (std::int64_t r = begin; r < end; ++r) {
      const float* post = ws.mixes.data() + r * mixes + n;
      const float* comb = post + n;
      for (std::int64_t i = 0; i < n; ++i) {
        float* to = mixed.data() + i * width;
        for (std::int64_t j = 0; j < width; ++j) to[j] = post[i] * part[r * width + j];
        for (std::int64_t k = 0; k < n; ++k) {
          const float* from = x + r * stride + k * width;
          for (std::int64_t j = 0; j < width; ++j) to[j] += comb[k * n + i] * from[j];
        }
      }
      std::copy(mixed.begin(), mixed.end(), out + r * stride);
    }
  });
}

}  // namespace msmodelslim
