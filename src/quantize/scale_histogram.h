#pragma once
// How many weight scales of some linears are how big, in bins of half an octave.

#include <array>
#include <cstdint>
#include <map>

#include "quantize/quantized_linear.h"

namespace msmodelslim {

class ScaleHistogram {
 public:
  static constexpr int kBinsPerOctave = 2;

  // All scales that a weight of the linear is multiplied with; two levels count as their product.
  // Weights without scales add nothing.
  void add(const QuantizedLinear& linear);
  void add(float scale);
  void add(int bin, std::int64_t count) {
    const int place = bin + kZero;
    counts_[static_cast<std::size_t>(place)] += count;
  }
  void add_others(std::int64_t count) { others_ += count; }

  // Bin b: 2^(b/2) <= |scale| < 2^((b+1)/2). Only those that are not empty.
  std::map<int, std::int64_t> counts() const;
  std::int64_t others() const { return others_; }  // zero, denormal or not finite

 private:
  static constexpr int kZero = 256;  // the place of bin 0
  std::array<std::int64_t, 2 * kZero> counts_{};
  std::int64_t others_ = 0;
};

}  // namespace msmodelslim
