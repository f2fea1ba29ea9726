#include "quantize/scale_histogram.h"

#include <bit>
#include <cmath>

#include "quantize/mx.h"

namespace msmodelslim {

void ScaleHistogram::add(float scale) {
  constexpr std::uint32_t kRootOfTwo = std::bit_cast<std::uint32_t>(1.41421356F) & 0x7FFFFF;
  const auto bits = std::bit_cast<std::uint32_t>(scale);
  const int exponent = static_cast<int>(bits >> 23 & 0xFF);
  if (exponent == 0 || exponent == 0xFF)
    ++others_;
  else
    add(kBinsPerOctave * (exponent - 127) + ((bits & 0x7FFFFF) >= kRootOfTwo ? 1 : 0), 1);
}

void ScaleHistogram::add(const QuantizedLinear& linear) {
  for (const float scale : linear.weight_scale) add(scale);
  if (linear.exponents.empty()) return;
  const auto rows = static_cast<std::size_t>(linear.spec.out);
  const std::size_t blocks = linear.exponents.size() / rows;
  const std::size_t outer = linear.dual_scale.size() / rows;
  for (std::size_t i = 0; i < linear.exponents.size(); ++i) {
    float scale = std::ldexp(1.0F, static_cast<int>(linear.exponents[i]) - 127);
    if (outer > 0) {
      const std::size_t column = i % blocks * static_cast<std::size_t>(kMxBlock);
      scale *= linear.dual_scale[i / blocks * outer +
                                 column / static_cast<std::size_t>(linear.dual_block)];
    }
    add(scale);
  }
}

std::map<int, std::int64_t> ScaleHistogram::counts() const {
  std::map<int, std::int64_t> found;
  for (std::size_t i = 0; i < counts_.size(); ++i)
    if (counts_[i] > 0) found[static_cast<int>(i) - kZero] = counts_[i];
  return found;
}

}  // namespace msmodelslim
