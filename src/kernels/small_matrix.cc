#include "kernels/small_matrix.h"

#include <algorithm>
#include <cmath>

namespace msmodelslim {

SmallMatrix identity_matrix(std::int64_t n) {
  SmallMatrix result(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i) result[static_cast<std::size_t>(i * (n + 1))] = 1;
  return result;
}

SmallMatrix transposed(const SmallMatrix& a, std::int64_t n) {
  SmallMatrix result(a.size());
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      result[static_cast<std::size_t>(j * n + i)] = a[static_cast<std::size_t>(i * n + j)];
  return result;
}

SmallMatrix product(const SmallMatrix& a, const SmallMatrix& b, std::int64_t n) {
  SmallMatrix result(a.size());
  for (std::int64_t i = 0; i < n; ++i) {
    double* to = result.data() + i * n;
    for (std::int64_t k = 0; k < n; ++k) {
      const double factor = a[static_cast<std::size_t>(i * n + k)];
      const double* from = b.data() + k * n;
      for (std::int64_t j = 0; j < n; ++j) to[j] += factor * from[j];
    }
  }
  return result;
}

SmallMatrix inverse(SmallMatrix a, std::int64_t n) {
  SmallMatrix result = identity_matrix(n);
  const auto eliminate = [n](double* row, const double* pivot_row, double factor) {
    for (std::int64_t j = 0; j < n; ++j) row[j] -= factor * pivot_row[j];
  };
  for (std::int64_t column = 0; column < n; ++column) {
    std::int64_t pivot = column;
    const auto at = [&](std::int64_t row) { return a[static_cast<std::size_t>(row * n + column)]; };
    for (std::int64_t row = column + 1; row < n; ++row)
      if (std::fabs(at(row)) > std::fabs(at(pivot))) pivot = row;
    const double value = at(pivot);
    if (value == 0 || !std::isfinite(value)) return {};
    double* own = a.data() + column * n;
    double* own_result = result.data() + column * n;
    if (pivot != column) {
      std::swap_ranges(own, own + n, a.data() + pivot * n);
      std::swap_ranges(own_result, own_result + n, result.data() + pivot * n);
    }
    for (std::int64_t j = 0; j < n; ++j) {
      own[j] /= value;
      own_result[j] /= value;
    }
    for (std::int64_t row = 0; row < n; ++row) {
      const double factor = at(row);
      if (row == column || factor == 0) continue;
      eliminate(a.data() + row * n, own, factor);
      eliminate(result.data() + row * n, own_result, factor);
    }
  }
  return result;
}

}  // namespace msmodelslim
