#pragma once
// Matrix products. Everything above calls these; the library behind them is named in gemm.cc
// (oneDNN) and aarch64/gemm.cc (OpenBLAS) only.
//
// 8-bit products are ours (gemm_s8.cc) where the processor has none, and those of bfloat16 weights
// where our tiles are faster (packed_bf16.h). A sum is one thread's, in an order that depends on
// the shapes alone: the result has the same bits for any number of threads.

#include <cstdint>
#include <vector>

namespace msmodelslim {

class PackedBf16;

// y[m,n] = x[m,k] * w[n,k]^T, row-major fp32, leading dimensions in elements. All threads.
void matmul_nt(const float* x, std::int64_t ldx, const float* w, std::int64_t ldw, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k);

// One of several products with one x: y[m,n] = x[m,k] * w[n,k]^T.
struct FloatProduct {
  const float* w;
  std::int64_t ldw;
  float* y;
  std::int64_t ldy;
  std::int64_t n;
};
// The same bits as one by one, but the threads wait for each other once only.
void matmul_nt_each(const float* x, std::int64_t ldx, const std::vector<FloatProduct>& products,
                    std::int64_t m, std::int64_t k);
// The same with a weight of bfloat16 bit patterns; no gaps between rows.
struct Bf16Product {
  const std::uint16_t* w;
  float* y;
  std::int64_t n;
  const PackedBf16* packed = nullptr;  // w in the layout that the tiles want, if it is at hand
};
// Whether products are made of packed weights. Those that are not at hand are packed in the
// product, so many values at a time.
bool packs_bf16_products();
inline constexpr std::int64_t kPackedAtOnce = 1 << 24;
// x[m,k] is rounded to bfloat16, sums are fp32. Only where has_bf16_products() is true.
void matmul_nt_each_bf16(const float* x, const std::vector<Bf16Product>& products, std::int64_t m,
                         std::int64_t k);

// The products of a backward pass, all threads; `accumulate` adds to y.
// y[m,n] = a[m,k] * b[k,n]
void matmul_nn(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate);
void matmul_nn_bf16(const std::uint16_t* a, std::int64_t lda, const std::uint16_t* b,
                    std::int64_t ldb, float* y, std::int64_t ldy, std::int64_t m, std::int64_t n,
                    std::int64_t k, bool accumulate);
// y[m,n] = a[k,m]^T * b[k,n]
void matmul_tn(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate);
void matmul_tn_bf16(const std::uint16_t* a, std::int64_t lda, const std::uint16_t* b,
                    std::int64_t ldb, float* y, std::int64_t ldy, std::int64_t m, std::int64_t n,
                    std::int64_t k, bool accumulate);

// True when the processor multiplies bfloat16 natively (AVX512-BF16, AMX) and the library behind
// this file uses that: looked up once, with a small product that must come out right.
bool has_bf16_products();

// fp32 again, on the calling thread only; for use inside parallel_for. `beta` 1 adds to y.
void matmul_nt_tile(const float* x, std::int64_t ldx, const float* w, std::int64_t ldw, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k,
                    float beta = 0.0F);
// y[m,n] = a[m,k] * b[k,n], calling thread only; `beta` as above.
void matmul_nn_tile(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k,
                    float beta = 0.0F);
// y[m,n] = a[k,m]^T * b[k,n], calling thread only; `beta` as above.
void matmul_tn_tile(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k,
                    float beta = 0.0F);

// y[m,n] = x[m,k] * w[n,k]^T of signed 8-bit codes, exact int32 sums (k up to 131 000). All
// threads.
void matmul_s8(const std::int8_t* x, const std::int8_t* w, std::int32_t* y, std::int64_t m,
               std::int64_t n, std::int64_t k);

// True when the processor multiplies 8-bit codes exactly and fast: VNNI, looked up once with codes
// whose sums would saturate elsewhere, or Arm's sdot. matmul_s8 then uses it.
bool has_s8_products();
// The product with these instructions, by oneDNN or in aarch64/gemm_s8.cc. Elsewhere not exact
// (x86-64) or not there (aarch64).
void native_matmul_s8(const std::int8_t* x, const std::int8_t* w, std::int32_t* y, std::int64_t m,
                      std::int64_t n, std::int64_t k);

}  // namespace msmodelslim
