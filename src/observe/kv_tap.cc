#include "observe/kv_tap.h"

#include <algorithm>
#include <cmath>

#include "forward/statistics_reader.h"

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

void KvTap::store(ByteWriter& out) const {
  out.value<std::uint8_t>(finite_);
  for (const Running* running : {&keys_, &values_}) {
    out.value(running->samples);
    out.values(running->range.min);
    out.values(running->range.max);
    out.values(running->sum_min);
    out.values(running->sum_max);
  }
}

void KvTap::load(StatisticsReader& in) {
  finite_ = in.value<std::uint8_t>() != 0;
  const std::int64_t width = in.block().k.out;
  load(in, width, keys_);
  load(in, width, values_);
  if (keys_.samples != values_.samples) in.throw_wrong("another number of samples");
}

void KvTap::load(StatisticsReader& in, std::int64_t width, Running& running) const {
  running.samples = in.value<std::int64_t>();
  const auto channels = static_cast<std::size_t>(running.samples == 0 ? 0 : width);
  running.range.min = in.values<float>(channels);
  running.range.max = in.values<float>(channels);
  const std::size_t sums = aggregation_ == KvAggregation::kMean ? channels : 0;
  running.sum_min = in.values<double>(sums);
  running.sum_max = in.values<double>(sums);
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
