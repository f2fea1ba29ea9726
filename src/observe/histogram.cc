#include "observe/histogram.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "forward/statistics_reader.h"

namespace msmodelslim {
namespace {

constexpr int kParts = 16;

// The bin of `value`, which lies in `range`.
std::int64_t bin_of(double value, MinMax range, std::int64_t bins) {
  const double low = static_cast<double>(range.min);
  const double width = static_cast<double>(range.max) - low;
  const auto bin = static_cast<std::int64_t>((value - low) / width * static_cast<double>(bins));
  return std::clamp<std::int64_t>(bin, 0, bins - 1);
}

}  // namespace

std::vector<double> rebin(const std::vector<double>& counts, MinMax from, MinMax to, int parts) {
  const auto bins = static_cast<std::int64_t>(counts.size());
  const double low = static_cast<double>(from.min);
  const double step = (static_cast<double>(from.max) - low) / static_cast<double>(bins) /
                      static_cast<double>(parts);
  std::vector<double> result(counts.size());
  for (std::int64_t i = 0; i < bins; ++i) {
    const double count = counts[static_cast<std::size_t>(i)] / parts;
    if (count == 0) continue;
    for (int part = 0; part < parts; ++part) {
      const double middle = low + (static_cast<double>(i * parts + part) + 0.5) * step;
      result[static_cast<std::size_t>(bin_of(middle, to, bins))] += count;
    }
  }
  return result;
}

void RunningHistogram::widen(MinMax range) {
  if (range_.min < range_.max) {
    counts_ = rebin(counts_, range_, range, kParts);
  } else {  // one value up to now
    std::fill(counts_.begin(), counts_.end(), 0.0);
    counts_[static_cast<std::size_t>(bin_of(static_cast<double>(range_.min), range, kBins))] =
        total_;
  }
  range_ = range;
}

void RunningHistogram::add(const float* x, std::int64_t count, MinMax range) {
  if (empty()) range_ = range;
  const MinMax both = {std::min(range_.min, range.min), std::max(range_.max, range.max)};
  if (both.min < range_.min || both.max > range_.max) widen(both);
  total_ += static_cast<double>(count);
  if (!(range_.min < range_.max)) {
    counts_[0] += static_cast<double>(count);
    return;
  }
  // Counts are whole numbers, so their sums do not depend on the pieces.
  constexpr std::int64_t kPieces = 64;
  const std::int64_t grain = std::max<std::int64_t>(1 << 16, (count + kPieces - 1) / kPieces);
  std::vector<std::vector<std::uint32_t>> pieces(
      static_cast<std::size_t>((count + grain - 1) / grain));
  const float low = range_.min;
  const float scale = static_cast<float>(
      static_cast<double>(kBins) / (static_cast<double>(range_.max) - static_cast<double>(low)));
  parallel_ranges(count, grain, [&](std::int64_t begin, std::int64_t end) {
    auto& piece = pieces[static_cast<std::size_t>(begin / grain)];
    piece.resize(kBins);
    for (std::int64_t i = begin; i < end; ++i) {
      const auto bin = static_cast<std::int64_t>((x[i] - low) * scale);
      ++piece[static_cast<std::size_t>(std::min(bin, kBins - 1))];
    }
  });
  for (const auto& piece : pieces)
    for (std::size_t i = 0; i < piece.size(); ++i) counts_[i] += static_cast<double>(piece[i]);
}

void RunningHistogram::store(ByteWriter& out) const {
  out.value(range_);
  out.value(total_);
  out.values(counts_);
}

void RunningHistogram::load(StatisticsReader& in) {
  range_ = in.value<MinMax>();
  total_ = in.value<double>();
  counts_ = in.values<double>(static_cast<std::size_t>(kBins));
  const auto is_count = [](double count) { return std::isfinite(count) && count >= 0; };
  if (!std::isfinite(range_.min) || !std::isfinite(range_.max) || range_.min > range_.max ||
      !is_count(total_) || !std::all_of(counts_.begin(), counts_.end(), is_count))
    in.throw_wrong("a histogram that cannot be");
}

}  // namespace msmodelslim
