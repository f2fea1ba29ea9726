#include "suppress/row_order.h"

#include <algorithm>
#include <numeric>

#include "base/threads.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kWhole = 512;
constexpr std::int64_t kFirst = 256;
constexpr std::int64_t kLargest = 32;
constexpr std::int64_t kPiece = 1024;

std::vector<double> sums_of_squares(const float* x, std::int64_t rows, std::int64_t k) {
  std::vector<double> sums(static_cast<std::size_t>(rows));
  parallel_ranges(rows, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      double sum = 0;
      for (const float* v = x + r * k; v < x + (r + 1) * k; ++v)
        sum += static_cast<double>(*v) * static_cast<double>(*v);
      sums[static_cast<std::size_t>(r)] = sum;
    }
  });
  return sums;
}

}  // namespace

std::vector<std::vector<std::int64_t>> row_pieces(const float* x, std::int64_t rows, std::int64_t k,
                                                  bool cut) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(rows));
  std::iota(all.begin(), all.end(), 0);
  if (!cut || rows <= kWhole) return {all};
  const std::vector<double> sums = sums_of_squares(x, rows, k);
  std::vector<std::int64_t> order = all;
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return sums[static_cast<std::size_t>(a)] > sums[static_cast<std::size_t>(b)];
  });
  std::vector<bool> first(static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < kLargest; ++i)
    first[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = true;
  std::vector<std::int64_t> others;
  for (std::int64_t r : all)
    if (!first[static_cast<std::size_t>(r)]) others.push_back(r);
  const auto count = static_cast<std::int64_t>(others.size());
  for (std::int64_t i = 0; i < kFirst - kLargest; ++i)
    first[static_cast<std::size_t>(
        others[static_cast<std::size_t>(i * count / (kFirst - kLargest))])] = true;
  std::vector<std::vector<std::int64_t>> pieces(1);
  for (std::int64_t r : all)
    if (first[static_cast<std::size_t>(r)]) pieces[0].push_back(r);
  for (std::int64_t r : all) {
    if (first[static_cast<std::size_t>(r)]) continue;
    if (pieces.size() == 1 || static_cast<std::int64_t>(pieces.back().size()) == kPiece)
      pieces.emplace_back();
    pieces.back().push_back(r);
  }
  return pieces;
}

}  // namespace msmodelslim
