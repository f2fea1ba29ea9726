// Against the loop as the reference has it, in the same order of sums: equal bits.
#include "quantize/ssz.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include "base/threads.h"
#include "checkpoint/safetensors.h"
#include "kernels/rounding_sums.h"

namespace msmodelslim {
namespace {

struct Plain {
  std::vector<float> scales;
  std::vector<int> codes;
};

using Lanes = std::array<double, kRoundingLanes>;  // partial sums

double sum_of(const Lanes& lanes) { return std::accumulate(lanes.begin(), lanes.end(), 0.0); }

float rounded_error(const float* w, const int* q, float scale, std::int64_t k) {
  Lanes sums{};
  for (std::int64_t i = 0; i < k; ++i) {
    const volatile float product = static_cast<float>(q[i]) * scale;  // no FMA
    const float off = w[i] - product;
    sums[static_cast<std::size_t>(i % kRoundingLanes)] += static_cast<double>(off * off);
  }
  return static_cast<float>(sum_of(sums) / static_cast<double>(k));
}

float fitted_scale(const float* w, const int* q, std::int64_t k) {
  Lanes wq{};
  double qq = 0;
  for (std::int64_t i = 0; i < k; ++i) {
    wq[static_cast<std::size_t>(i % kRoundingLanes)] += static_cast<double>(w[i]) * q[i];
    qq += static_cast<double>(q[i]) * q[i];
  }
  return static_cast<float>(sum_of(wq) / std::fmax(qq, 1e-30));
}

Plain plain_ssz(const std::vector<float>& w, std::int64_t n, std::int64_t k, int bits, int steps) {
  const auto high = static_cast<float>((1 << (bits - 1)) - 1);
  Plain best{std::vector<float>(static_cast<std::size_t>(n)),
             std::vector<int>(static_cast<std::size_t>(n * k))};
  const auto encode_row = [&](std::int64_t r, float scale) {
    for (std::int64_t i = r * k; i < (r + 1) * k; ++i)
      best.codes[static_cast<std::size_t>(i)] = static_cast<int>(std::fmin(
          std::fmax(std::nearbyint(w[static_cast<std::size_t>(i)] / scale), -high - 1), high));
  };
  std::vector<float> errors(static_cast<std::size_t>(n));
  for (std::int64_t r = 0; r < n; ++r) {
    const auto i = static_cast<std::size_t>(r);
    float largest = 0;
    for (std::int64_t j = r * k; j < (r + 1) * k; ++j)
      largest = std::fmax(largest, std::fabs(w[static_cast<std::size_t>(j)]));
    best.scales[i] = std::fmax(largest / high, 0x1p-23F);
    encode_row(r, best.scales[i]);
    errors[i] = rounded_error(&w[i * static_cast<std::size_t>(k)],
                              &best.codes[i * static_cast<std::size_t>(k)], best.scales[i], k);
  }
  std::vector<float> scales(errors.size());
  std::vector<float> latest(errors.size());
  for (int step = 0; step < steps; ++step) {
    bool improved = false;
    for (std::int64_t r = 0; r < n; ++r) {
      const auto i = static_cast<std::size_t>(r);
      const float* row = &w[i * static_cast<std::size_t>(k)];
      const int* q = &best.codes[i * static_cast<std::size_t>(k)];
      scales[i] = fitted_scale(row, q, k);
      latest[i] = errors[i];
      if (scales[i] == 0) continue;
      encode_row(r, scales[i]);
      latest[i] = rounded_error(row, q, scales[i], k);
      const float gain = errors[i] - latest[i];
      if (gain / std::fmax(errors[i], 1e-4F) >= 1e-10F && std::fabs(gain) >= 1e-10F)
        improved = true;
    }
    if (!improved) break;
    for (std::size_t i = 0; i < errors.size(); ++i)
      if (latest[i] < errors[i]) {
        errors[i] = latest[i];
        best.scales[i] = scales[i];
      }
  }
  for (std::int64_t r = 0; r < n; ++r) encode_row(r, best.scales[static_cast<std::size_t>(r)]);
  return best;
}

void expect_equal_to_plain(std::int64_t n, std::int64_t k, int bits, int steps,
                           float deviation = 0.05F) {
  std::mt19937 generator(static_cast<unsigned>(n + k + steps));
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> w(static_cast<std::size_t>(n * k));
  for (float& value : w) value = normal(generator);
  std::fill_n(w.begin() + k, k, 0.0F);  // row 1 is all zero
  w[3] *= 40;                           // row 0 has an outlier
  const Tensor tensor = from_f32(w.data(), {n, k}, DType::kF32);
  const Plain plain = plain_ssz(w, n, k, bits, steps);
  const int before = thread_count();
  for (int threads : {1, 3}) {
    set_thread_count(threads);
    QuantizedLinear got;
    got.spec = {"l", k, n, false, Role::kGate, ""};
    quantize_weight({bits, "ssz", steps}, WeightRows(tensor.view()), got);
    EXPECT_EQ(got.weight_scale, plain.scales) << n << "x" << k << ", " << bits << " bits";
    const auto* codes = got.codes.as<std::int8_t>();
    EXPECT_EQ(std::vector<int>(codes, codes + n * k), plain.codes);
  }
  set_thread_count(before);
}

TEST(Ssz, HasTheBitsOfThePlainLoop) {
  expect_equal_to_plain(37, 120, 4, 50);
  expect_equal_to_plain(64, 96, 4, 3);
  expect_equal_to_plain(21, 200, 8, 50);
  expect_equal_to_plain(2, 7, 8, 1);
  expect_equal_to_plain(5, 32, 4, 0);
}

// Most of them could go on when no row improves by enough any more.
TEST(Ssz, StopsAllRowsAtTheSameStep) {
  expect_equal_to_plain(48, 1024, 8, 50);
  for (const float deviation : {2e-4F, 5e-4F, 1e-3F, 2e-3F, 5e-3F})
    expect_equal_to_plain(40, 512, 4, 50, deviation);
  expect_equal_to_plain(40, 512, 4, 7, 2e-3F);
}

}  // namespace
}  // namespace msmodelslim
