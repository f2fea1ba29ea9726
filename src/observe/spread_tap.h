#pragma once
// Running statistics of the inputs of some linears, sample after sample, as modelslim_v0 keeps
// them:
//
//   min, max   of every channel up to now
//   shift      (max + min) * `shift_factor`
//   peak       largest x - shift of every channel, each sample with the shift at its time
//   std        of x - shift over all values of a sample (unbiased); the largest of the samples

#include <map>
#include <string>
#include <vector>

#include "forward/context.h"

namespace msmodelslim {

// Standard deviation (unbiased) of x [rows, width] - shift [width] over all values; 0 for one
// value. All threads.
double shifted_deviation(const float* x, std::int64_t rows, const std::vector<float>& shift);

class SpreadTap : public Tap {
 public:
  struct Stats {
    std::vector<float> min;
    std::vector<float> max;
    std::vector<float> peak;
    double std = 0;
    // Largest |min| or |max| of all channels.
    float largest() const;
  };
  // `samples`: so many are looked at, the first ones.
  SpreadTap(const std::vector<std::string>& linears, float shift_factor,
            std::size_t samples = static_cast<std::size_t>(-1));
  bool wants(const Linear& linear) const override { return stats_.count(linear.name()) > 0; }
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>& sequences) override;
  void store(ByteWriter& out) const override;
  void load(StatisticsReader& in) override;
  const std::map<std::string, Stats>& all() const { return stats_; }

 private:
  void add(const float* x, std::int64_t rows, std::int64_t width, Stats& stats) const;

  float shift_factor_;
  std::size_t samples_;
  std::map<std::string, Stats> stats_;
  std::map<std::string, std::size_t> seen_;
};

}  // namespace msmodelslim
