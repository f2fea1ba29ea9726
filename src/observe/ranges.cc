#include "observe/ranges.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/threads.h"
#include "forward/statistics_reader.h"

namespace msmodelslim {

void RunningRange::update(MinMax sample) {
  if (aggregation_ == RangeAggregation::kRunningMean) {
    const auto next = static_cast<float>(count_ + 1);
    extremes_.min += (sample.min - extremes_.min) / next;
    extremes_.max += (sample.max - extremes_.max) / next;
  } else {
    extremes_.min = count_ == 0 ? sample.min : std::min(extremes_.min, sample.min);
    extremes_.max = count_ == 0 ? sample.max : std::max(extremes_.max, sample.max);
    sum_min_ += static_cast<double>(sample.min);
    sum_max_ += static_cast<double>(sample.max);
  }
  ++count_;
}

MinMax RunningRange::range() const {
  if (aggregation_ != RangeAggregation::kMean) return extremes_;
  const auto n = static_cast<double>(count_);
  return {static_cast<float>(sum_min_ / n), static_cast<float>(sum_max_ / n)};
}

void RunningRange::store(ByteWriter& out) const {
  out.value(count_);
  out.value(extremes_);
  out.value(sum_min_);
  out.value(sum_max_);
}

void RunningRange::load(StatisticsReader& in) {
  count_ = in.value<std::int64_t>();
  extremes_ = in.value<MinMax>();
  sum_min_ = in.value<double>();
  sum_max_ = in.value<double>();
}

MinMax range_of(const float* x, std::int64_t count) {
  constexpr std::int64_t kGrain = 1 << 16;
  std::vector<MinMax> parts(static_cast<std::size_t>((count + kGrain - 1) / kGrain));
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    parts[static_cast<std::size_t>(begin / kGrain)] = min_max(x + begin, end - begin);
  });
  MinMax result = parts[0];
  for (const MinMax& part : parts) {
    if (std::isnan(part.min)) return part;
    result = {std::min(result.min, part.min), std::max(result.max, part.max)};
  }
  return result;
}

ColumnRange column_range(const float* x, std::int64_t rows, std::int64_t width) {
  constexpr std::int64_t kGrain = 256;
  std::vector<ColumnRange> pieces(static_cast<std::size_t>((rows + kGrain - 1) / kGrain));
  parallel_ranges(rows, kGrain, [&](std::int64_t begin, std::int64_t end) {
    ColumnRange& piece = pieces[static_cast<std::size_t>(begin / kGrain)];
    const float* from = x + begin * width;
    piece.min.assign(from, from + width);
    piece.max = piece.min;
    column_min_max(from, end - begin, width, piece.min.data(), piece.max.data());
  });
  ColumnRange result = std::move(pieces[0]);
  for (std::size_t p = 1; p < pieces.size(); ++p)
    for (std::size_t j = 0; j < result.min.size(); ++j) {
      result.min[j] = std::min(result.min[j], pieces[p].min[j]);
      result.max[j] = std::max(result.max[j], pieces[p].max[j]);
    }
  return result;
}

namespace {

void start(ChannelTap::Stats& stats, std::size_t width) {
  stats.min.assign(width, std::numeric_limits<float>::infinity());
  stats.max.assign(width, -std::numeric_limits<float>::infinity());
  stats.abs_max.assign(width, 0.0F);
}

void widen(ChannelTap::Stats& stats, const ColumnRange& seen) {
  for (std::size_t j = 0; j < stats.min.size(); ++j) {
    stats.min[j] = std::min(stats.min[j], seen.min[j]);
    stats.max[j] = std::max(stats.max[j], seen.max[j]);
    stats.abs_max[j] = std::max(std::fabs(stats.min[j]), std::fabs(stats.max[j]));
  }
}

}  // namespace

ChannelTap::ChannelTap(const std::vector<std::string>& linears) {
  for (const std::string& name : linears) stats_[name];
}

void ChannelTap::see(const Linear& linear, const float* x, std::int64_t rows,
                     const std::vector<Sequence>&) {
  Stats& stats = stats_.at(linear.name());
  const std::int64_t width = linear.spec().in;
  if (stats.min.empty()) start(stats, static_cast<std::size_t>(width));
  if (rows > 0) widen(stats, column_range(x, rows, width));
}

// Minima and maxima of ranks in their order: as if the chunks had come one behind the other.
void ChannelTap::combine(Ranks& ranks) {
  ByteWriter writer;
  for (auto& [name, stats] : stats_) {
    writer.values(stats.min);
    writer.values(stats.max);
    stats = {};
  }
  for (const Bytes& message : ranks.gather(writer.take())) {
    ByteReader reader(message);
    for (auto& [name, stats] : stats_) {
      const auto low = reader.values<float>();
      const auto high = reader.values<float>();
      if (low.empty()) continue;
      if (stats.min.empty()) start(stats, low.size());
      widen(stats, {low, high});
    }
  }
}

void ChannelTap::store(ByteWriter& out) const {
  for (const auto& [name, stats] : stats_) {
    out.values(stats.abs_max);
    out.values(stats.min);
    out.values(stats.max);
  }
}

void ChannelTap::load(StatisticsReader& in) {
  for (auto& [name, stats] : stats_) {
    stats.abs_max = in.of_inputs<float>(name);
    stats.min = in.of_inputs<float>(name);
    stats.max = in.of_inputs<float>(name);
  }
}

}  // namespace msmodelslim
