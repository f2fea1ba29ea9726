#pragma once
// Ranges of the keys and values that go into the cache, per channel of every kv head.

#include <cstdint>
#include <vector>

#include "forward/context.h"
#include "observe/ranges.h"

namespace msmodelslim {

enum class KvAggregation {
  kMax,   // over all samples
  kMean,  // mean of the samples' minima and maxima, summed in double
  kLast   // the last sample alone, as the Python tool's observer does
};

class KvTap : public Tap {
 public:
  explicit KvTap(KvAggregation aggregation) : aggregation_(aggregation) {}
  bool wants(const Linear&) const override { return false; }
  bool wants_cache() const override { return true; }
  void see(const Linear&, const float*, std::int64_t, const std::vector<Sequence>&) override {}
  void see_kv(const Block& block, const float* k, const float* v, std::int64_t rows,
              const std::vector<Sequence>& sequences) override;

  void store(ByteWriter& out) const override;
  void load(StatisticsReader& in) override;
  bool seen() const { return keys_.samples > 0; }
  bool finite() const { return finite_; }  // false after NaN or infinity
  // Each [kv_heads*head_dim], head after head. Only after a token was seen.
  ColumnRange keys() const { return range_of(keys_); }
  ColumnRange values() const { return range_of(values_); }

 private:
  struct Running {
    std::int64_t samples = 0;
    ColumnRange range;
    std::vector<double> sum_min;  // kMean
    std::vector<double> sum_max;
  };
  void add(const float* x, std::int64_t width, const std::vector<Sequence>& sequences,
           Running& running);
  ColumnRange range_of(const Running& running) const;
  void load(StatisticsReader& in, std::int64_t width, Running& running) const;

  KvAggregation aggregation_;
  bool finite_ = true;
  Running keys_;
  Running values_;
};

}  // namespace msmodelslim
