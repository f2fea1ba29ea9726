#include "pipeline/weight_error.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/threads.h"

namespace msmodelslim {
namespace {

constexpr double kMostDb = 200;

struct Sums {
  double ww = 0, qq = 0, wq = 0, dd = 0;
};

}  // namespace

std::optional<WeightError> weight_error(Linear& linear, const QuantizedLinear& quantized) {
  if (quantized.low_rank.rank > 0) return std::nullopt;
  const std::int64_t n = quantized.spec.out;
  const std::int64_t k = quantized.spec.in;
  std::vector<float> q(static_cast<std::size_t>(n * k));
  dequantize_weight(quantized, q.data());
  const float* changed = linear.changed() ? linear.weight() : nullptr;
  std::vector<Sums> rows(static_cast<std::size_t>(n));
  parallel_ranges(n, 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> row(static_cast<std::size_t>(k));
    for (std::int64_t i = begin; i < end; ++i) {
      if (changed == nullptr) linear.source().read_rows(i, i + 1, row.data());
      const float* weight = changed == nullptr ? row.data() : changed + i * k;
      const float* mine = q.data() + i * k;
      Sums& sums = rows[static_cast<std::size_t>(i)];
      for (std::int64_t j = 0; j < k; ++j) {
        const double w = weight[j];
        const double v = mine[j];
        sums.ww += w * w;
        sums.qq += v * v;
        sums.wq += w * v;
        sums.dd += (w - v) * (w - v);
      }
    }
  });
  Sums all;
  for (const Sums& sums : rows) {
    all.ww += sums.ww;
    all.qq += sums.qq;
    all.wq += sums.wq;
    all.dd += sums.dd;
  }
  WeightError error;
  if (all.dd > 0) {
    error.snr_db = std::min(kMostDb, 10 * std::log10(all.ww / all.dd));
    error.cosine = all.qq > 0 && all.ww > 0 ? all.wq / std::sqrt(all.ww * all.qq) : 0;
  } else {
    error.snr_db = kMostDb;
  }
  if (!(error.snr_db > -kMostDb)) error.snr_db = -kMostDb;
  return error;
}

}  // namespace msmodelslim
