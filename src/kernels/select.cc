#include "kernels/select.h"

#include <bit>
#include <mutex>
#include <vector>

#include "base/threads.h"

// Magnitudes are ordered like the 31 bits that hold them: a count of the upper 16 bits finds the
// bin of the answer, a count of the lower 15 bits within it the answer itself.

namespace msmodelslim {
namespace {

constexpr std::int64_t kGrain = 1 << 21;
constexpr int kLowBits = 15;
constexpr std::uint32_t kLowMask = (1U << kLowBits) - 1;

std::uint32_t magnitude_bits(float value) { return std::bit_cast<std::uint32_t>(value) << 1 >> 1; }

// bin(bits) of every value, counted; a negative bin is not counted.
template <typename Bin>
std::vector<std::int64_t> histogram(const float* x, std::int64_t count, std::size_t bins,
                                    const Bin& bin) {
  std::vector<std::int64_t> total(bins);
  std::mutex mutex;
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::uint32_t> part(bins);
    for (std::int64_t i = begin; i < end; ++i)
      if (const std::int32_t b = bin(magnitude_bits(x[i])); b >= 0)
        ++part[static_cast<std::size_t>(b)];
    const std::lock_guard<std::mutex> lock(mutex);
    for (std::size_t b = 0; b < bins; ++b) total[b] += part[b];
  });
  return total;
}

// The bin that holds item k of the sorted values; k becomes its place in the bin.
std::uint32_t find_bin(const std::vector<std::int64_t>& counts, std::int64_t* k) {
  std::uint32_t bin = 0;
  for (; *k >= counts[bin]; ++bin) *k -= counts[bin];
  return bin;
}

}  // namespace

float kth_smallest_magnitude(const float* x, std::int64_t count, std::int64_t k) {
  const auto high_of = [](std::uint32_t bits) {
    return static_cast<std::int32_t>(bits >> kLowBits);
  };
  const std::uint32_t high = find_bin(histogram(x, count, 1U << 16, high_of), &k);
  const auto low_of = [high](std::uint32_t bits) {
    return bits >> kLowBits == high ? static_cast<std::int32_t>(bits & kLowMask) : -1;
  };
  const std::uint32_t low = find_bin(histogram(x, count, 1U << kLowBits, low_of), &k);
  return std::bit_cast<float>(high << kLowBits | low);
}

}  // namespace msmodelslim
