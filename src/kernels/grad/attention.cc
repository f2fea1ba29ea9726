#include "kernels/grad/attention.h"

#include <algorithm>
#include <vector>

#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kQueryTile = 128;
constexpr std::int64_t kRowGrain = 32;

// One query head. dk and dv [rows, head_dim] are its own and start at zero.
class HeadGrad {
 public:
  HeadGrad(const AttentionShape& shape, std::int64_t head, const float* q, const float* k,
           const float* v, const float* out, const float* dout)
      : shape_(shape),
        d_(shape.head_dim),
        width_(shape.heads * d_),
        kv_width_(shape.kv_heads * d_),
        q_(q + head * d_),
        k_(k + head / (shape.heads / shape.kv_heads) * d_),
        v_(v + head / (shape.heads / shape.kv_heads) * d_),
        out_(out + head * d_),
        dout_(dout + head * d_) {}

  void tile(std::int64_t row, std::int64_t rows, float* dq, float* dk, float* dv) {
    const std::int64_t end = row + rows;
    const std::int64_t begin =
        shape_.window > 0 ? std::max<std::int64_t>(0, row - shape_.window + 1) : 0;
    const std::int64_t keys = end - begin;
    p_.resize(static_cast<std::size_t>(rows * keys));
    ds_.resize(p_.size());
    const float* query = q_ + row * width_;
    const float* key = k_ + begin * kv_width_;
    const float* d_out = dout_ + row * width_;
    matmul_nt_tile(query, width_, key, kv_width_, p_.data(), keys, rows, keys, d_);
    matmul_nt_tile(d_out, width_, v_ + begin * kv_width_, kv_width_, ds_.data(), keys, rows, keys,
                   d_);
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t last = row + i - begin;  // index of the newest visible key
      const std::int64_t first =
          shape_.window > 0 ? std::max<std::int64_t>(0, last - shape_.window + 1) : 0;
      scores(p_.data() + i * keys, ds_.data() + i * keys, keys, first, last,
             dot(d_out + i * width_, out_ + (row + i) * width_));
    }
    matmul_nn_tile(ds_.data(), keys, key, kv_width_, dq + row * width_, width_, rows, d_, keys);
    matmul_tn_tile(ds_.data(), keys, query, width_, dk + begin * d_, d_, keys, d_, rows, 1.0F);
    matmul_tn_tile(p_.data(), keys, d_out, width_, dv + begin * d_, d_, keys, d_, rows, 1.0F);
  }

 private:
  float dot(const float* a, const float* b) const {
    float sum = 0;
    for (std::int64_t i = 0; i < d_; ++i) sum += a[i] * b[i];
    return sum;
  }

  // One line: p becomes the softmax, ds from dP the gradient of the products.
  void scores(float* p, float* ds, std::int64_t keys, std::int64_t first, std::int64_t last,
              float mean) const {
    softmax(p + first, shape_.scale, last - first + 1);
    std::fill(p, p + first, 0.0F);
    std::fill(p + last + 1, p + keys, 0.0F);
    for (std::int64_t j = 0; j < keys; ++j) ds[j] = p[j] * (ds[j] - mean) * shape_.scale;
  }

  const AttentionShape& shape_;
  std::int64_t d_, width_, kv_width_;
  const float *q_, *k_, *v_, *out_, *dout_;
  std::vector<float> p_, ds_;  // [rows, keys]
};

}  // namespace

void attention_grad(const AttentionShape& shape, const float* q, const float* k, const float* v,
                    const float* out, const float* dout, float* dq, float* dk, float* dv) {
  const std::int64_t n = shape.query_rows;
  const std::int64_t d = shape.head_dim;
  std::vector<float> dk_heads(static_cast<std::size_t>(shape.heads * n * d));  // [heads, rows, d]
  std::vector<float> dv_heads(dk_heads.size());
  parallel_for(shape.heads, [&](std::int64_t head) {
    HeadGrad grad(shape, head, q, k, v, out, dout);
    for (std::int64_t row = 0; row < n; row += kQueryTile)
      grad.tile(row, std::min(kQueryTile, n - row), dq + head * d, dk_heads.data() + head * n * d,
                dv_heads.data() + head * n * d);
  });
  const std::int64_t group = shape.heads / shape.kv_heads;
  parallel_ranges(n, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t head = 0; head < shape.heads; ++head) {
        const std::int64_t from = (head * n + row) * d;
        const std::int64_t to = (row * shape.kv_heads + head / group) * d;
        if (head % group == 0) {
          std::copy_n(dk_heads.data() + from, d, dk + to);
          std::copy_n(dv_heads.data() + from, d, dv + to);
        } else {
          add_to(dk + to, dk_heads.data() + from, d);
          add_to(dv + to, dv_heads.data() + from, d);
        }
      }
  });
}

}  // namespace msmodelslim
