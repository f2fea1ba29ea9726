#include "observe/spread_tap.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "forward/statistics_reader.h"
#include "observe/ranges.h"

namespace msmodelslim {
namespace {

// Sums of d and d^2, d = x - shift.
struct Moments {
  double sum = 0;
  double squares = 0;
};

}  // namespace

double shifted_deviation(const float* x, std::int64_t rows, const std::vector<float>& shift) {
  constexpr std::int64_t kGrain = 64;
  const auto width = static_cast<std::int64_t>(shift.size());
  std::vector<Moments> parts(static_cast<std::size_t>((rows + kGrain - 1) / kGrain));
  parallel_ranges(rows, kGrain, [&](std::int64_t begin, std::int64_t end) {
    Moments& part = parts[static_cast<std::size_t>(begin / kGrain)];
    for (std::int64_t r = begin; r < end; ++r)
      for (std::int64_t j = 0; j < width; ++j) {
        const auto d = static_cast<double>(x[r * width + j] - shift[static_cast<std::size_t>(j)]);
        part.sum += d;
        part.squares += d * d;
      }
  });
  Moments all;
  for (const Moments& part : parts) {
    all.sum += part.sum;
    all.squares += part.squares;
  }
  const auto count = static_cast<double>(rows * width);
  if (count < 2) return 0;
  return std::sqrt(std::max(0.0, (all.squares - all.sum * all.sum / count) / (count - 1)));
}

float SpreadTap::Stats::largest() const {
  float best = 0;
  for (std::size_t j = 0; j < min.size(); ++j)
    best = std::max({best, std::fabs(min[j]), std::fabs(max[j])});
  return best;
}

SpreadTap::SpreadTap(const std::vector<std::string>& linears, float shift_factor,
                     std::size_t samples)
    : shift_factor_(shift_factor), samples_(samples) {
  for (const std::string& name : linears) stats_[name];
}

void SpreadTap::see(const Linear& linear, const float* x, std::int64_t,
                    const std::vector<Sequence>& sequences) {
  const std::int64_t width = linear.spec().in;
  Stats& stats = stats_.at(linear.name());
  for (const Sequence& s : sequences)
    if (s.rows > 0 && seen_[linear.name()]++ < samples_)
      add(x + s.begin * width, s.rows, width, stats);
}

void SpreadTap::store(ByteWriter& out) const {
  for (const auto& [name, stats] : stats_) {
    out.values(stats.min);
    out.values(stats.max);
    out.values(stats.peak);
    out.value(stats.std);
  }
}

void SpreadTap::load(StatisticsReader& in) {
  for (auto& [name, stats] : stats_) {
    stats.min = in.of_inputs<float>(name);
    stats.max = in.of_inputs<float>(name);
    stats.peak = in.of_inputs<float>(name);
    stats.std = in.value<double>();
  }
}

void SpreadTap::add(const float* x, std::int64_t rows, std::int64_t width, Stats& stats) const {
  const ColumnRange sample = column_range(x, rows, width);
  const bool first = stats.min.empty();
  if (first) {
    stats.min = sample.min;
    stats.max = sample.max;
    stats.peak.resize(sample.max.size());
  }
  std::vector<float> shift(sample.max.size());
  for (std::size_t j = 0; j < shift.size(); ++j) {
    stats.min[j] = std::min(stats.min[j], sample.min[j]);
    stats.max[j] = std::max(stats.max[j], sample.max[j]);
    shift[j] = (stats.max[j] + stats.min[j]) * shift_factor_;
    const float peak = sample.max[j] - shift[j];
    stats.peak[j] = first ? peak : std::max(stats.peak[j], peak);
  }
  stats.std = std::max(stats.std, shifted_deviation(x, rows, shift));
}

}  // namespace msmodelslim
