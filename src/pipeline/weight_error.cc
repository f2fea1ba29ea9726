#include "pipeline/weight_error.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/threads.h"
#include "kernels/distance.h"

namespace msmodelslim {
namespace {

constexpr double kMostDb = 200;

}  // namespace

std::optional<WeightError> weight_error(Linear& linear, const QuantizedLinear& quantized) {
  if (quantized.low_rank.rank > 0) return std::nullopt;
  const std::int64_t n = quantized.spec.out;
  const std::int64_t k = quantized.spec.in;
  const float* changed = linear.changed() ? linear.weight() : nullptr;
  std::vector<ErrorSums> rows(static_cast<std::size_t>(n));
  parallel_ranges(n, 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> original(static_cast<std::size_t>(k));
    std::vector<float> mine(static_cast<std::size_t>(k));
    for (std::int64_t i = begin; i < end; ++i) {
      if (changed == nullptr) linear.source().read_rows(i, i + 1, original.data());
      dequantize_weight_row(quantized, i, mine.data());
      rows[static_cast<std::size_t>(i)] =
          error_sums(changed == nullptr ? original.data() : changed + i * k, mine.data(), k);
    }
  });
  ErrorSums all;
  for (const ErrorSums& row : rows) {
    all.aa += row.aa;
    all.bb += row.bb;
    all.ab += row.ab;
    all.dd += row.dd;
  }
  WeightError error;
  if (all.dd > 0) {
    error.snr_db = std::min(kMostDb, 10 * std::log10(all.aa / all.dd));
    error.cosine = all.aa > 0 && all.bb > 0 ? all.ab / std::sqrt(all.aa * all.bb) : 0;
  } else {
    error.snr_db = kMostDb;
  }
  if (!(error.snr_db > -kMostDb)) error.snr_db = -kMostDb;
  return error;
}

}  // namespace msmodelslim
