// The searches: worked examples 6 and 7 of the outlier-suppression reference, and the race of
// flex_smooth_quant against every score of the grid.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "suppress/awq.h"
#include "suppress/flex_awq_search.h"
#include "suppress/flex_search.h"
#include "suppress/row_order.h"

namespace msmodelslim {
namespace {

float round_to(float value, float scale, float low, float high) {
  return std::min(std::max(std::nearbyint(value / scale), low), high) * scale;
}

// int4, one scale a row, `steps` of the least-squares refinement that keeps the best.
RoundWeight int4_rows(int steps) {
  return [steps](const LinearSpec& shape, float* weight) {
    for (std::int64_t i = 0; i < shape.out; ++i) {
      float* row = weight + i * shape.in;
      const auto rounded = [&](float scale) {
        std::vector<float> q(row, row + shape.in);
        for (float& v : q) v = round_to(v, scale, -8, 7);
        return q;
      };
      const auto error = [&](const std::vector<float>& q) {
        double sum = 0;
        for (std::int64_t j = 0; j < shape.in; ++j)
          sum += std::pow(static_cast<double>(row[j] - q[static_cast<std::size_t>(j)]), 2);
        return sum;
      };
      float scale = 0;
      for (std::int64_t j = 0; j < shape.in; ++j) scale = std::max(scale, std::fabs(row[j]) / 7);
      std::vector<float> best = rounded(scale);
      std::vector<float> q = best;
      for (int step = 0; step < steps; ++step) {
        double wq = 0;
        double qq = 0;
        for (std::int64_t j = 0; j < shape.in; ++j) {
          const double code = std::nearbyint(q[static_cast<std::size_t>(j)] / scale);
          wq += row[j] * code;
          qq += code * code;
        }
        scale = static_cast<float>(wq / qq);
        q = rounded(scale);
        if (error(q) < error(best)) best = q;
      }
      std::copy(best.begin(), best.end(), row);
    }
  };
}

TEST(FlexAwqSearch, Example6) {
  const std::vector<float> x = {-10, 1, -24, 0.25F, 3, -1};
  const std::vector<float> w = {3, -4, -0.5F, -2};
  const Tensor weight = from_f32(w.data(), {2, 2}, DType::kF32);
  Linear down({"down", 2, 2, false, Role::kDown, ""}, weight.view());
  // The example's activations have one scale a column.
  const RoundInput columns = [](float* values, std::int64_t rows, std::int64_t width) {
    for (std::int64_t j = 0; j < width; ++j) {
      float scale = 0;
      for (std::int64_t r = 0; r < rows; ++r)
        scale = std::max(scale, std::fabs(values[r * width + j]) / 127);
      for (std::int64_t r = 0; r < rows; ++r)
        values[r * width + j] = round_to(values[r * width + j], scale, -128, 127);
    }
  };
  const FlexChoice choice = search_flex_awq(x.data(), 3, {&down}, int4_rows(10), columns);
  EXPECT_TRUE(choice.found);
  EXPECT_DOUBLE_EQ(choice.alpha, 0.7);
  EXPECT_NEAR(choice.score, 0.000756, 2e-6);
}

TEST(AwqScales, FollowTheFormula) {
  const auto scales = awq_scales({0, 4}, 0.5);
  EXPECT_NEAR(scales[0], 0.0070711, 1e-6);
  EXPECT_NEAR(scales[1], 141.4213562, 1e-3);
  EXPECT_EQ(awq_scales({3, 5}, 0), (std::vector<float>{1, 1}));
  const auto quarter = awq_scales({12, 0.75F}, 0.5);
  EXPECT_NEAR(quarter[0], 2, 1e-6);
  EXPECT_NEAR(quarter[1], 0.5, 1e-6);
}

TEST(AwqScales, GiveTheLossesOfExample7) {
  const std::vector<float> x = {-12, -0.5F, -12, 1};
  const std::vector<float> w = {0.5F, 0.5F, 2, -8};
  const std::vector<double> expected = {5.877559, 5.879153, 0.001594, 0.409757};
  const LinearSpec shape{"down", 2, 2, false, Role::kDown, ""};
  for (int i = 0; i < 4; ++i) {
    const auto scales = awq_scales({12, 0.75F}, i / 4.0);
    std::vector<float> q = w;
    for (std::size_t j = 0; j < 4; ++j) q[j] *= scales[j % 2];
    int4_rows(0)(shape, q.data());
    for (std::size_t j = 0; j < 4; ++j) q[j] = q[j] / scales[j % 2] - w[j];
    double loss = 0;
    for (std::size_t r = 0; r < 4; r += 2)
      for (std::size_t o = 0; o < 4; o += 2)
        loss += std::pow(x[r] * q[o] + x[r + 1] * q[o + 1], 2) / 4;
    EXPECT_NEAR(loss, expected[static_cast<std::size_t>(i)], 1e-4) << i;
  }
}

TEST(RowPieces, HoldEveryRowOnce) {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  for (std::int64_t rows : {0, 1, 512, 513, 2000}) {
    std::vector<float> x(static_cast<std::size_t>(rows * 3));
    for (float& value : x) value = normal(generator);
    const auto pieces = row_pieces(x.data(), rows, 3);
    std::vector<int> seen(static_cast<std::size_t>(rows));
    for (const auto& piece : pieces)
      for (std::int64_t r : piece) ++seen[static_cast<std::size_t>(r)];
    EXPECT_EQ(seen, std::vector<int>(static_cast<std::size_t>(rows), 1));
    EXPECT_EQ(pieces.size() == 1, rows <= 512);
  }
}

struct Scores {
  std::int64_t rows, n, k;
  std::vector<float> x, w;

  static std::vector<double> rounded(const std::vector<float>& m,
                                     const std::vector<double>& factor) {
    std::vector<double> out(m.size());
    const std::size_t k = factor.size();
    for (std::size_t at = 0; at < m.size(); at += k) {
      double step = 0;
      for (std::size_t j = 0; j < k; ++j) {
        out[at + j] = m[at + j] * factor[j];
        step = std::max(step, std::fabs(out[at + j]) / 127);
      }
      for (std::size_t j = 0; j < k; ++j) out[at + j] = std::nearbyint(out[at + j] / step) * step;
    }
    return out;
  }

  double at(double alpha, double beta) const {
    const auto largest = [&](const std::vector<float>& m) {
      std::vector<double> max(static_cast<std::size_t>(k));
      for (std::size_t i = 0; i < m.size(); ++i)
        max[i % max.size()] = std::max(max[i % max.size()], std::fabs(static_cast<double>(m[i])));
      return max;
    };
    const auto x_max = largest(x);
    const auto w_max = largest(w);
    std::vector<double> up(x_max.size());
    std::vector<double> down(x_max.size());
    for (std::size_t j = 0; j < up.size(); ++j) {
      up[j] = std::pow(x_max[j], alpha) / std::pow(w_max[j], beta);
      down[j] = 1 / up[j];
    }
    const auto xq = rounded(x, down);
    const auto wq = rounded(w, up);
    double error = 0;
    double norm = 0;
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t i = 0; i < n; ++i) {
        double exact = 0;
        double quantized = 0;
        for (std::int64_t j = 0; j < k; ++j) {
          const auto a = static_cast<std::size_t>(r * k + j);
          const auto b = static_cast<std::size_t>(i * k + j);
          exact += static_cast<double>(x[a]) * w[b];
          quantized += xq[a] * wq[b];
        }
        error += (quantized - exact) * (quantized - exact);
        norm += exact * exact;
      }
    return std::sqrt(error / norm);
  }
};

TEST(FlexSearch, RaceFindsTheBestOfTheGridOnManyRows) {
  for (unsigned seed : {1U, 2U, 3U}) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    Scores scores{700, 13, 19, {}, {}};
    std::vector<float> channel(static_cast<std::size_t>(scores.k));
    for (float& c : channel) c = std::exp(1.5F * normal(generator));
    scores.x.resize(static_cast<std::size_t>(scores.rows * scores.k));
    scores.w.resize(static_cast<std::size_t>(scores.n * scores.k));
    for (std::size_t i = 0; i < scores.x.size(); ++i)
      scores.x[i] = normal(generator) * channel[i % channel.size()];
    for (float& value : scores.w) value = normal(generator);
    for (std::size_t i = 0; i < channel.size(); ++i)
      scores.x[i] *= 50;  // one token of great weight
    const FlexChoice choice = search_flex(
        scores.x.data(), scores.rows, {{scores.w.data(), 5}, {scores.w.data() + 5 * 19, 8}}, 19);
    ASSERT_TRUE(choice.found);
    double first = 1;
    double alpha = 0;
    for (int i = 0; i <= 20; ++i)
      if (const double s = scores.at(i / 20.0, 1 - i / 20.0); s <= first) {
        first = s;
        alpha = i / 20.0;
      }
    double best = 1;
    for (int i = 0; i <= 20; ++i) best = std::min(best, scores.at(alpha, i / 20.0));
    EXPECT_NEAR(choice.score, scores.at(choice.alpha, choice.beta), 1e-4 * best);
    EXPECT_LE(choice.score, 1.01 * best) << seed;
  }
}

}  // namespace
}  // namespace msmodelslim
