#include "observe/sorted_samples.h"

#include <array>
#include <bit>
#include <utility>

#include "tensor/codec.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kStride = 100;
constexpr std::int64_t kFirst = 50;

// Bit patterns whose order as integers is that of the values, and back.
template <typename Bits>
Bits ordered(Bits bits) {
  constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  return static_cast<Bits>((bits & kSign) != 0 ? ~bits : bits | kSign);
}
template <typename Bits>
Bits restored(Bits key) {
  constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  return static_cast<Bits>((key & kSign) != 0 ? key & ~kSign : ~key);
}

bool is_kept(std::int64_t index, std::int64_t count) {
  return count < kStride || index % kStride == kFirst;
}

std::vector<float> count_16_bits(const float* x, std::int64_t count, DType dtype) {
  const bool bf16 = dtype == DType::kBF16;
  std::vector<std::uint32_t> counts(1 << 16);
  for (std::int64_t i = 0; i < count; ++i)
    ++counts[ordered(bf16 ? f32_to_bf16(x[i]) : f32_to_f16(x[i]))];
  std::vector<float> kept;
  std::int64_t next = count < kStride ? 0 : kFirst;  // rank to keep
  const std::int64_t step = count < kStride ? 1 : kStride;
  std::int64_t below = 0;
  for (std::size_t key = 0; key < counts.size(); ++key) {
    below += counts[key];
    const std::uint16_t bits = restored(static_cast<std::uint16_t>(key));
    for (; next < below; next += step) kept.push_back(bf16 ? bf16_to_f32(bits) : f16_to_f32(bits));
  }
  return kept;
}

// One pass of a radix sort.
void sort_by_digit(const std::vector<std::uint32_t>& from, int shift,
                   std::vector<std::uint32_t>& to) {
  constexpr std::uint32_t kMask = 2047;
  std::array<std::size_t, kMask + 1> places{};
  for (const std::uint32_t key : from) ++places[(key >> shift) & kMask];
  std::size_t begin = 0;
  for (std::size_t& place : places) begin += std::exchange(place, begin);
  for (const std::uint32_t key : from) to[places[(key >> shift) & kMask]++] = key;
}

std::vector<float> sort_32_bits(const float* x, std::int64_t count) {
  std::vector<std::uint32_t> keys(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < keys.size(); ++i)
    keys[i] = ordered(std::bit_cast<std::uint32_t>(x[i] + 0.0F));  // no negative zero
  std::vector<std::uint32_t> other(keys.size());
  sort_by_digit(keys, 0, other);
  sort_by_digit(other, 11, keys);
  sort_by_digit(keys, 22, other);
  std::vector<float> kept;
  for (std::int64_t i = 0; i < count; ++i)
    if (is_kept(i, count))
      kept.push_back(std::bit_cast<float>(restored(other[static_cast<std::size_t>(i)])));
  return kept;
}

}  // namespace

std::vector<float> sorted_samples(const float* x, std::int64_t count, DType dtype) {
  if (dtype == DType::kBF16 || dtype == DType::kF16) return count_16_bits(x, count, dtype);
  return sort_32_bits(x, count);
}

}  // namespace msmodelslim
