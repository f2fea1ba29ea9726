#include "kernels/gemm.h"

#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/threads.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kTileRows = 256;
constexpr std::int64_t kTileCols = 512;
// Largest depth for which sums of int8 products stay exact in fp32: 128 * 128 * 1024 = 2^24.
constexpr std::int64_t kExactDepth = 1024;

// oneDNN starts its own OpenMP team unless it is called from inside one. A team that consists of
// the calling thread alone does not count as "inside", so outside callers get a limit of one
// thread.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (!omp_in_parallel()) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (!omp_in_parallel()) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

void sgemm(char trans_b, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
           float* y, std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, float beta) {
  if (m == 0 || n == 0) return;
  const OneThread one_thread;
  const dnnl_status_t status =
      dnnl_sgemm('N', trans_b, m, n, k, 1.0F, a, lda, b, ldb, beta, y, ldy);
  if (status != dnnl_success)
    throw ResourceError(fmt::format("oneDNN sgemm {}x{}x{} failed with status {}", m, n, k,
                                    static_cast<int>(status)));
}

template <typename Body>
void for_each_tile(std::int64_t m, std::int64_t n, const Body& body) {
  const std::int64_t row_tiles = (m + kTileRows - 1) / kTileRows;
  const std::int64_t col_tiles = (n + kTileCols - 1) / kTileCols;
  parallel_for(row_tiles * col_tiles, [&](std::int64_t tile) {
    const std::int64_t row = tile % row_tiles * kTileRows;
    const std::int64_t col = tile / row_tiles * kTileCols;
    body(row, std::min(kTileRows, m - row), col, std::min(kTileCols, n - col));
  });
}

}  // namespace

void matmul_nt_tile(const float* x, std::int64_t ldx, const float* w, std::int64_t ldw, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k, float beta) {
  sgemm('T', x, ldx, w, ldw, y, ldy, m, n, k, beta);
}

void matmul_nn_tile(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
                    std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k) {
  sgemm('N', a, lda, b, ldb, y, ldy, m, n, k, 0.0F);
}

void matmul_nt(const float* x, std::int64_t ldx, const float* w, std::int64_t ldw, float* y,
               std::int64_t ldy, std::int64_t m, std::int64_t n, std::int64_t k) {
  for_each_tile(m, n,
                [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
                  matmul_nt_tile(x + row * ldx, ldx, w + col * ldw, ldw, y + row * ldy + col, ldy,
                                 rows, cols, k);
                });
}

void matmul_s8(const std::int8_t* x, const std::int8_t* w, std::int32_t* y, std::int64_t m,
               std::int64_t n, std::int64_t k) {
  for_each_tile(
      m, n, [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
        const std::int64_t depth = std::min(k, kExactDepth);
        std::vector<float> xf(static_cast<std::size_t>(rows * depth));
        std::vector<float> wf(static_cast<std::size_t>(cols * depth));
        std::vector<float> sums(static_cast<std::size_t>(rows * cols));
        for (std::int64_t i = 0; i < rows; ++i) std::fill_n(y + (row + i) * n + col, cols, 0);
        for (std::int64_t begin = 0; begin < k; begin += kExactDepth) {
          const std::int64_t part = std::min(kExactDepth, k - begin);
          for (std::int64_t i = 0; i < rows; ++i)
            std::copy_n(x + (row + i) * k + begin, part, xf.data() + i * part);
          for (std::int64_t j = 0; j < cols; ++j)
            std::copy_n(w + (col + j) * k + begin, part, wf.data() + j * part);
          matmul_nt_tile(xf.data(), part, wf.data(), part, sums.data(), cols, rows, cols, part);
          for (std::int64_t i = 0; i < rows; ++i) {
            std::int32_t* out = y + (row + i) * n + col;
            for (std::int64_t j = 0; j < cols; ++j)
              out[j] += static_cast<std::int32_t>(sums[static_cast<std::size_t>(i * cols + j)]);
          }
        }
      });
}

}  // namespace msmodelslim
