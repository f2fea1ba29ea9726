#pragma once
// Histogram of a tensor over all samples, whose range grows with them.
//
// The idea of torch's HistogramObserver: 2048 bins from the smallest to the largest value seen.
// When a sample widens the range, every old bin is cut into 16 parts, and each part goes into the
// new bin that its middle lies in.

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "kernels/ops.h"

namespace msmodelslim {

class StatisticsReader;

class RunningHistogram {
 public:
  static constexpr std::int64_t kBins = 2048;

  // `range`: the finite smallest and largest of x; count >= 1. All threads.
  void add(const float* x, std::int64_t count, MinMax range);

  bool empty() const { return total_ == 0; }
  MinMax range() const { return range_; }
  double total() const { return total_; }
  // [kBins]; all in the first when the range is one value.
  const std::vector<double>& counts() const { return counts_; }
  void store(ByteWriter& out) const;
  void load(StatisticsReader& in);

 private:
  void widen(MinMax range);
  MinMax range_{0, 0};
  double total_ = 0;
  std::vector<double> counts_ = std::vector<double>(kBins);
};

// Moves the counts of bins over `from` into as many bins over `to`, which holds `from`.
std::vector<double> rebin(const std::vector<double>& counts, MinMax from, MinMax to, int parts);

}  // namespace msmodelslim
