#pragma once
// Products with few rows, as in decoding: every weight is read once, in order, each thread its own
// rows of w. A result does not depend on the number of threads nor on the other rows of x.

#include <cstdint>
#include <functional>

namespace msmodelslim {

// Up to so many rows these are quicker than the products of gemm.h.
inline constexpr std::int64_t kFewRows = 8;
inline constexpr std::int64_t kFewCodeRows = 32;  // of few_rows_s8

// y[m,n] = x[m,k] * w[n,k]^T, sums in fp32. All threads.
void few_rows_f32(const float* x, const float* w, float* y, std::int64_t m, std::int64_t n,
                  std::int64_t k);
// The same of bfloat16 values: those of x as fp32, of w as bit patterns; up to kFewRows rows.
void few_rows_bf16(const float* x, const std::uint16_t* w, float* y, std::int64_t m, std::int64_t n,
                   std::int64_t k);
// Codes of x times codes of w, exact int32 sums (k up to 131 000).
void few_rows_s8(const std::int8_t* x, const std::int8_t* w, std::int32_t* y, std::int64_t m,
                 std::int64_t n, std::int64_t k);
// fp32 x times codes of w.
void few_rows_f32_s8(const float* x, const std::int8_t* w, float* y, std::int64_t m, std::int64_t n,
                     std::int64_t k);
// few_rows_f32 of a w that is made row by row on the way: `fill(row, to)` writes k values. It is
// called by all threads, each row once.
void few_rows_filled(const float* x, const std::function<void(std::int64_t, float*)>& fill,
                     float* y, std::int64_t m, std::int64_t n, std::int64_t k);

}  // namespace msmodelslim
