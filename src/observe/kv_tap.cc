#include "observe/kv_tap.h"

#include <algorithm>
#include <cmath>

namespace msmodelslim {

void KvTap::see_kv(const Block& block, const float* k, const float* v, std::int64_t,
                   const std::vector<Sequence>& sequences) {
  const std::int64_t width = block.spec->k.out;
  add(k, width, sequences, keys_);
  add(v, width, sequences, values_);
}

void KvTap::add(const float* x, std::int64_t width, const std::vector<Sequence>& sequences,
                Running& running) {
  for (const Sequence& s : sequences) {
    if (s.rows == 0) continue;
    const float* from = x + s.begin * width;
    // The columns' minima may lose a NaN, this one does not.
    const MinMax whole = msmodelslim::range_of(from, s.rows * width);
    finite_ = finite_ && std::isfinite(whole.min) && std::isfinite(whole.max);
    ColumnRange sample = column_range(from, s.rows, width);
    if (aggregation_ == KvAggregation::kMean) {
      running.sum_min.resize(sample.min.size());
      running.sum_max.resize(sample.max.size());
      for (std::size_t j = 0; j < sample.min.size(); ++j) {
        running.sum_min[j] += static_cast<double>(sample.min[j]);
        running.sum_max[j] += static_cast<double>(sample.max[j]);
      }
    }
    if (running.samples == 0 || aggregation_ == KvAggregation::kLast) {
      running.range = std::move(sample);
    } else {
      for (std::size_t j = 0; j < sample.min.size(); ++j) {
        running.range.min[j] = std::min(running.range.min[j], sample.min[j]);
        running.range.max[j] = std::max(running.range.max[j], sample.max[j]);
      }
    }
    ++running.samples;
  }
}

ColumnRange KvTap::range_of(const Running& running) const {
  ColumnRange range = running.range;
  if (aggregation_ != KvAggregation::kMean) return range;
  const auto n = static_cast<double>(running.samples);
  for (std::size_t j = 0; j < range.min.size(); ++j) {
    range.min[j] = static_cast<float>(running.sum_min[j] / n);
    range.max[j] = static_cast<float>(running.sum_max[j] / n);
  }
  return range;
}

}  // namespace msmodelslim
