// Every gradient against central differences of the operation itself, written out in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "kernels/grad/attention.h"
#include "kernels/grad/ops.h"
#include "kernels/rope.h"

namespace msmodelslim {
namespace {

using Doubles = std::vector<double>;
using Floats = std::vector<float>;

Floats random_values(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Floats values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

Doubles wide(const Floats& values) { return {values.begin(), values.end()}; }

double dot(const Doubles& y, const Floats& dy) {
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * static_cast<double>(dy[i]);
  return sum;
}

// `gradient` is that of sum(dy f(x)) by x.
void expect_gradient(const std::function<Doubles(const Doubles&)>& f, const Floats& x,
                     const Floats& dy, const Floats& gradient) {
  constexpr double kStep = 1e-5;
  double largest = 1e-3;
  for (float g : gradient) largest = std::max(largest, std::fabs(static_cast<double>(g)));
  for (std::size_t i = 0; i < x.size(); ++i) {
    Doubles at = wide(x);
    at[i] += kStep;
    const double above = dot(f(at), dy);
    at[i] -= 2 * kStep;
    const double below = dot(f(at), dy);
    ASSERT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-4 * largest) << "at " << i;
  }
}

TEST(Grad, RmsNorm) {
  for (std::int64_t width : {1, 7, 16, 67}) {
    const std::int64_t rows = 3;
    const Floats x = random_values(rows * width, 1);
    const Floats w = random_values(width, 2);
    const Floats dy = random_values(rows * width, 3);
    const auto f = [&](const Doubles& v) {
      Doubles y(v.size());
      for (std::size_t r = 0; r < v.size(); r += w.size()) {
        double sum = 0;
        for (std::size_t i = 0; i < w.size(); ++i) sum += v[r + i] * v[r + i];
        const double inverse = 1 / std::sqrt(sum / static_cast<double>(width) + 1e-2);
        for (std::size_t i = 0; i < w.size(); ++i)
          y[r + i] = v[r + i] * inverse * static_cast<double>(w[i]);
      }
      return y;
    };
    Floats dx = dy;
    rms_norm_grad(x.data(), w.data(), 1e-2F, dx.data(), dx.data(), rows, width);
    expect_gradient(f, x, dy, dx);
  }
}

TEST(Grad, SiluMul) {
  for (std::int64_t count : {1, 8, 37}) {
    const Floats gate = random_values(count, 4);
    const Floats up = random_values(count, 5);
    const Floats dy = random_values(count, 6);
    const auto silu_mul = [](const Doubles& g, const Doubles& u) {
      Doubles y(g.size());
      for (std::size_t i = 0; i < g.size(); ++i) y[i] = g[i] / (1 + std::exp(-g[i])) * u[i];
      return y;
    };
    Floats dgate(gate.size());
    Floats dup = dy;
    silu_mul_grad(gate.data(), up.data(), dup.data(), dgate.data(), dup.data(), count);
    expect_gradient([&](const Doubles& v) { return silu_mul(v, wide(up)); }, gate, dy, dgate);
    expect_gradient([&](const Doubles& v) { return silu_mul(wide(gate), v); }, up, dy, dup);
  }
}

TEST(Grad, RotateHalfIsTheTranspose) {
  const std::int64_t rows = 5, heads = 3, head_dim = 10, half = 4, position = 2;
  const Floats cos = random_values((rows + position) * half, 7);
  const Floats sin = random_values((rows + position) * half, 8);
  const Floats x = random_values(rows * heads * head_dim, 9);
  const Floats dy = random_values(rows * heads * head_dim, 10);
  Floats y = x;
  Floats dx = dy;
  rotate_half(y.data(), rows, heads, head_dim, half, cos.data(), sin.data(), position);
  rotate_half_grad(dx.data(), rows, heads, head_dim, half, cos.data(), sin.data(), position);
  EXPECT_NEAR(dot(wide(y), dy), dot(wide(x), dx), 1e-3);
  // Dimensions behind 2 * half are not rotated.
  EXPECT_EQ(dx[8], dy[8]);
  EXPECT_EQ(dx[9], dy[9]);
}

TEST(Grad, AbsoluteError) {
  const Floats target = random_values(70, 11);
  Floats y = random_values(70, 12);
  y[3] = target[3];
  y[69] = target[69];
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i)
    sum += static_cast<double>(std::fabs(y[i] - target[i]));
  const Floats before = y;
  EXPECT_NEAR(absolute_error(y.data(), target.data(), y.data(), 70), sum, 1e-4);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const float e = before[i] - target[i];
    EXPECT_EQ(y[i], e > 0 ? 1.0F : e < 0 ? -1.0F : 0.0F) << i;
  }
}

TEST(Grad, SquaredError) {
  Floats y(70), target(70);
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = static_cast<float>(i % 7) - 2.5F;
    target[i] = static_cast<float>(i % 5);
    sum += static_cast<double>((y[i] - target[i]) * (y[i] - target[i]));
  }
  const Floats before = y;
  EXPECT_NEAR(squared_error(y.data(), target.data(), y.data(), 70), sum, 1e-3);
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], 2 * (before[i] - target[i])) << i;
}

Doubles plain_attention(const AttentionShape& s, const Doubles& q, const Doubles& k,
                        const Doubles& v) {
  Doubles out(q.size());
  const auto at = [&](const Doubles& x, std::int64_t heads, std::int64_t row, std::int64_t head,
                      std::int64_t i) {
    return x[static_cast<std::size_t>((row * heads + head) * s.head_dim + i)];
  };
  for (std::int64_t head = 0; head < s.heads; ++head) {
    const std::int64_t kv = head / (s.heads / s.kv_heads);
    for (std::int64_t i = 0; i < s.query_rows; ++i) {
      const std::int64_t first = s.window > 0 ? std::max<std::int64_t>(0, i - s.window + 1) : 0;
      Doubles p;
      double total = 0;
      for (std::int64_t j = first; j <= i; ++j) {
        double score = 0;
        for (std::int64_t d = 0; d < s.head_dim; ++d)
          score += at(q, s.heads, i, head, d) * at(k, s.kv_heads, j, kv, d);
        p.push_back(std::exp(score * static_cast<double>(s.scale)));
        total += p.back();
      }
      for (std::int64_t d = 0; d < s.head_dim; ++d) {
        double sum = 0;
        for (std::int64_t j = first; j <= i; ++j)
          sum += p[static_cast<std::size_t>(j - first)] / total * at(v, s.kv_heads, j, kv, d);
        out[static_cast<std::size_t>((i * s.heads + head) * s.head_dim + d)] = sum;
      }
    }
  }
  return out;
}

struct Shape {
  std::int64_t rows, heads, kv_heads, head_dim, window;
};
class AttentionGrad : public testing::TestWithParam<Shape> {};

TEST_P(AttentionGrad, AgreesWithDifferences) {
  const Shape p = GetParam();
  AttentionShape s;
  s.query_rows = s.key_rows = p.rows;
  s.heads = p.heads;
  s.kv_heads = p.kv_heads;
  s.head_dim = p.head_dim;
  s.window = p.window;
  s.scale = 0.4F;
  const Floats q = random_values(p.rows * p.heads * p.head_dim, 13);
  const Floats k = random_values(p.rows * p.kv_heads * p.head_dim, 14);
  const Floats v = random_values(p.rows * p.kv_heads * p.head_dim, 15);
  const Floats dout = random_values(p.rows * p.heads * p.head_dim, 16);
  Floats out(q.size()), dq(q.size()), dk(k.size()), dv(v.size());
  attention(s, q.data(), k.data(), v.data(), out.data());
  attention_grad(s, q.data(), k.data(), v.data(), out.data(), dout.data(), dq.data(), dk.data(),
                 dv.data());
  expect_gradient([&](const Doubles& x) { return plain_attention(s, x, wide(k), wide(v)); }, q,
                  dout, dq);
  expect_gradient([&](const Doubles& x) { return plain_attention(s, wide(q), x, wide(v)); }, k,
                  dout, dk);
  expect_gradient([&](const Doubles& x) { return plain_attention(s, wide(q), wide(k), x); }, v,
                  dout, dv);
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionGrad,
                         testing::Values(Shape{1, 1, 1, 4, 0}, Shape{5, 4, 2, 3, 0},
                                         Shape{9, 3, 3, 8, 4}, Shape{7, 6, 1, 2, 3}));

TEST(AttentionGradTiles, AgreeOverSeveralTiles) {
  AttentionShape s;
  s.query_rows = s.key_rows = 141;  // two tiles of queries
  s.heads = 2;
  s.kv_heads = 1;
  s.head_dim = 2;
  s.scale = 0.7F;
  for (std::int64_t window : {0, 20}) {
    s.window = window;
    const Floats q = random_values(s.query_rows * 4, 17);
    const Floats k = random_values(s.query_rows * 2, 18);
    const Floats v = random_values(s.query_rows * 2, 19);
    const Floats dout = random_values(s.query_rows * 4, 20);
    Floats out(q.size()), dq(q.size()), dk(k.size()), dv(v.size());
    attention(s, q.data(), k.data(), v.data(), out.data());
    attention_grad(s, q.data(), k.data(), v.data(), out.data(), dout.data(), dq.data(), dk.data(),
                   dv.data());
    // Along random directions: one difference each instead of one per value.
    const auto along = [&](const Floats& x, const Floats& g, auto f) {
      const Floats direction = random_values(static_cast<std::int64_t>(x.size()), 21);
      Doubles above = wide(x), below = wide(x);
      double expected = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        above[i] += 1e-5 * static_cast<double>(direction[i]);
        below[i] -= 1e-5 * static_cast<double>(direction[i]);
        expected += static_cast<double>(g[i]) * static_cast<double>(direction[i]);
      }
      EXPECT_NEAR((dot(f(above), dout) - dot(f(below), dout)) / 2e-5, expected, 2e-3);
    };
    along(q, dq, [&](const Doubles& x) { return plain_attention(s, x, wide(k), wide(v)); });
    along(k, dk, [&](const Doubles& x) { return plain_attention(s, wide(q), x, wide(v)); });
    along(v, dv, [&](const Doubles& x) { return plain_attention(s, wide(q), wide(k), x); });
  }
}

}  // namespace
}  // namespace msmodelslim
