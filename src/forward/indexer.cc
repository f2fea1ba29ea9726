#include "forward/indexer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/threads.h"
#include "forward/scratch.h"
#include "forward/steps.h"
#include "kernels/gemm.h"
#include "kernels/rope.h"

namespace msmodelslim {

void IndexerRun::rotate(float* x, std::int64_t heads) {
  const auto turn = spec_.rope_pairs ? rotate_pairs : rotate_half;
  for (const Sequence& s : context_.sequences) {
    const RopeTable& rope = context_.rope->of_length(s.reached());
    parallel_ranges(s.rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      const RopeLines lines = rope.before(s.position + end);
      turn(x + (s.begin + begin) * heads * spec_.dim, end - begin, heads, spec_.dim, rope.half(),
           lines.cos, lines.sin, s.position + begin);
    });
  }
}

void IndexerRun::project(const float* normed, const float* latent, std::int64_t rows) {
  const bool choosing = std::any_of(context_.sequences.begin(), context_.sequences.end(),
                                    [&](const Sequence& s) { return chooses(s); });
  if (choosing || context_.cache != nullptr || wanted(context_, indexer_.k)) {
    float* k = sized(ws_.index_k, rows * spec_.dim);
    apply(context_, indexer_.k, normed, rows, k, ws_);
    normalize(indexer_.k_norm, k, k, rows);
    rotate(k, 1);
  }
  if (choosing || wanted(context_, indexer_.q)) {
    float* q = sized(ws_.index_q, rows * spec_.heads * spec_.dim);
    apply(context_, indexer_.q, latent, rows, q, ws_);
    rotate(q, spec_.heads);
  }
  if (choosing || wanted(context_, indexer_.weights))
    apply(context_, indexer_.weights, normed, rows, sized(ws_.index_w, rows * spec_.heads), ws_);
}

std::vector<std::uint8_t> IndexerRun::choose(const Sequence& s, const float* keys) const {
  const std::int64_t count = s.position + s.rows;
  std::vector<std::uint8_t> allowed(static_cast<std::size_t>(s.rows * count), 0);
  const float scale = 1 / std::sqrt(static_cast<float>(spec_.heads * spec_.dim));
  parallel_for(s.rows, [&](std::int64_t r) {
    const std::int64_t visible = s.position + r + 1;
    std::uint8_t* row = allowed.data() + r * count;
    if (visible <= spec_.most) {
      std::fill_n(row, visible, std::uint8_t{1});
      return;
    }
    const float* q = ws_.index_q.data() + (s.begin + r) * spec_.heads * spec_.dim;
    const float* w = ws_.index_w.data() + (s.begin + r) * spec_.heads;
    std::vector<float> products(static_cast<std::size_t>(spec_.heads * visible));
    matmul_nt_tile(q, spec_.dim, keys, spec_.dim, products.data(), visible, spec_.heads, visible,
                   spec_.dim);
    std::vector<float> scores(static_cast<std::size_t>(visible), 0);
    for (std::int64_t a = 0; a < spec_.heads; ++a)
      for (std::int64_t j = 0; j < visible; ++j)
        scores[static_cast<std::size_t>(j)] +=
            w[a] * scale * std::max(0.0F, products[static_cast<std::size_t>(a * visible + j)]);
    std::vector<std::int32_t> order(static_cast<std::size_t>(visible));
    std::iota(order.begin(), order.end(), 0);
    std::nth_element(order.begin(), order.begin() + spec_.most, order.end(),
                     [&](std::int32_t a, std::int32_t b) {
                       const float x = scores[static_cast<std::size_t>(a)];
                       const float y = scores[static_cast<std::size_t>(b)];
                       return x > y || (x == y && a < b);
                     });
    for (std::int64_t i = 0; i < spec_.most; ++i) row[order[static_cast<std::size_t>(i)]] = 1;
  });
  return allowed;
}

}  // namespace msmodelslim
