#include "cli/estimate.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "kernels/gemm.h"

namespace msmodelslim {
namespace {

// FLOP per second of the products, measured on one of a few hundred milliseconds at most.
double product_speed() {
  constexpr std::int64_t kSize = 1024;
  const std::vector<float> a(kSize * kSize, 0.5F);
  std::vector<float> y(kSize * kSize);
  double best = 0;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    matmul_nt(a.data(), kSize, a.data(), kSize, y.data(), kSize, kSize, kSize, kSize);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * kSize * kSize * kSize / seconds);
  }
  return best;
}

}  // namespace

double estimate_seconds(const ModelSpec& model, const Plan& plan, std::int64_t tokens,
                        std::uint64_t bytes) {
  double weights = 0;
  for (const BlockSpec& block : model.blocks)
    for (const LinearSpec* linear : block.linears())
      weights += static_cast<double>(linear->in) * static_cast<double>(linear->out);
  int passes = 0;
  for (const Step& step : plan.steps) passes += needs_data(step) ? 1 : 0;
  const double flop = 2 * weights * static_cast<double>(tokens) * passes;
  return (flop > 0 ? flop / product_speed() : 0) + static_cast<double>(bytes) / 1e9;
}

}  // namespace msmodelslim
