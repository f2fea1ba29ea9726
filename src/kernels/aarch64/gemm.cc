// The products of gemm.h on aarch64 by OpenBLAS: the packaged oneDNN has plain loops only there.
// OpenBLAS does not cut a product itself; its threads would cut by their number.
#include "kernels/gemm.h"

#include <cblas.h>

#include <mutex>

#include "base/error.h"
#include "kernels/gemm_tiles.h"

namespace msmodelslim {
namespace {

// y[m,n] = a * b + beta * y on the calling thread.
void sgemm(CBLAS_TRANSPOSE trans_a, CBLAS_TRANSPOSE trans_b, const float* a, std::int64_t lda,
           const float* b, std::int64_t ldb, float* y, std::int64_t ldy, std::int64_t m,
           std::int64_t n, std::int64_t k, float beta) {
  if (m == 0 || n == 0) return;
  [[maybe_unused]] static const bool one_thread = (openblas_set_num_threads(1), true);
  // The serial package gives two threads that call at once the same memory.
  static const bool serial = openblas_get_parallel() == OPENBLAS_SEQUENTIAL;
  static std::mutex one_call;
  std::unique_lock<std::mutex> alone(one_call, std::defer_lock);
  if (serial) alone.lock();
  const auto length = [](std::int64_t value) { return static_cast<blasint>(value); };
  cblas_sgemm(CblasRowMajor, trans_a, trans_b, length(m), length(n), length(k), 1.0F, a,
              length(lda), b, length(ldb), beta, y, length(ldy));
}

[[noreturn]] void no_bf16() { throw ResourceError("OpenBLAS has no products of bfloat16"); }

}  // namespace

void matmul_nt_tile(const float* x, std::int64_t ldx, const float* w, std::int64_t ldw, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, float beta) {
  sgemm(CblasNoTrans, CblasTrans, x, ldx, w, ldw, y, ldy, m, n, k, beta);
}

void matmul_nn_tile(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, float beta) {
  sgemm(CblasNoTrans, CblasNoTrans, a, lda, b, ldb, y, ldy, m, n, k, beta);
}

void matmul_tn_tile(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, float beta) {
  sgemm(CblasTrans, CblasNoTrans, a, lda, b, ldb, y, ldy, m, n, k, beta);
}

void matmul_nt(const float* x, std::int64_t ldx, const float* w, std::int64_t ldw, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k) {
  matmul_nt_each(x, ldx, {{w, ldw, y, ldy, n}}, m, k);
}

void matmul_nt_each(const float* x, std::int64_t ldx, const std::vector<FloatProduct>& products,
                    std::int64_t m, std::int64_t k) {
  std::vector<std::int64_t> widths;
  for (const auto& product : products) widths.push_back(product.n);
  for_each_tile(
      m, widths,
      [&](std::size_t i, std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
        const FloatProduct& p = products[i];
        matmul_nt_tile(x + row * ldx, ldx, p.w + col * p.ldw, p.ldw, p.y + row * p.ldy + col, p.ldy,
                       rows, cols, k);
      });
}

void matmul_nn(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) {
  for_each_tile(m, n,
                [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
                  matmul_nn_tile(a + row * lda, lda, b + col, ldb, y + row * ldy + col, ldy, rows,
                                 cols, k, accumulate ? 1.0F : 0.0F);
                });
}

void matmul_tn(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) {
  for_each_tile(m, n,
                [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
                  matmul_tn_tile(a + row, lda, b + col, ldb, y + row * ldy + col, ldy, rows, cols,
                                 k, accumulate ? 1.0F : 0.0F);
                });
}

bool has_bf16_products() { return false; }
bool packs_bf16_products() { return false; }

void matmul_nt_each_bf16(const float*, const std::vector<Bf16Product>&, std::int64_t,
                         std::int64_t) {
  no_bf16();
}

void matmul_nn_bf16(const std::uint16_t*, std::int64_t, const std::uint16_t*, std::int64_t, float*,
                    std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool) {
  no_bf16();
}

void matmul_tn_bf16(const std::uint16_t*, std::int64_t, const std::uint16_t*, std::int64_t, float*,
                    std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool) {
  no_bf16();
}

}  // namespace msmodelslim
