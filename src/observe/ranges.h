#pragma once
// Statistics of activations over the calibration set.

#include <map>
#include <string>
#include <vector>

#include "forward/context.h"
#include "kernels/ops.h"

namespace msmodelslim {

enum class RangeAggregation {
  kMax,         // smallest minimum and largest maximum over the samples
  kMean,        // mean of the samples' minima and maxima, summed in double
  kRunningMean  // m += (new - m) / (samples + 1) in fp32, as V0's observer does
};

// Smallest and largest value of every column.
struct ColumnRange {
  std::vector<float> min;
  std::vector<float> max;
};
// x [rows, width], rows >= 1; all threads.
ColumnRange column_range(const float* x, std::int64_t rows, std::int64_t width);

// Range of one tensor, updated once per sample.
class RunningRange {
 public:
  explicit RunningRange(RangeAggregation aggregation) : aggregation_(aggregation) {}
  void update(MinMax sample);
  bool seen() const { return count_ > 0; }
  MinMax range() const;
  void store(ByteWriter& out) const;
  void load(StatisticsReader& in);

 private:
  RangeAggregation aggregation_;
  std::int64_t count_ = 0;
  MinMax extremes_{0, 0};
  double sum_min_ = 0;
  double sum_max_ = 0;
};

// Range of x [rows, width]; all threads.
MinMax range_of(const float* x, std::int64_t count);

// Per input channel: largest |x|, and smallest / largest x, over all tokens, of chosen linears.
class ChannelTap : public Tap {
 public:
  struct Stats {
    std::vector<float> abs_max;
    std::vector<float> min;
    std::vector<float> max;
  };
  explicit ChannelTap(const std::vector<std::string>& linears);
  bool wants(const Linear& linear) const override { return stats_.count(linear.name()) > 0; }
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>& sequences) override;
  bool combines() const override { return true; }
  void combine(Ranks& ranks) override;
  void store(ByteWriter& out) const override;
  void load(StatisticsReader& in) override;
  // False while no row came by: experts that no token went to.
  bool seen(const std::string& linear) const { return !stats_.at(linear).abs_max.empty(); }
  const Stats& stats(const std::string& linear) const { return stats_.at(linear); }

 private:
  std::map<std::string, Stats> stats_;
};

}  // namespace msmodelslim
