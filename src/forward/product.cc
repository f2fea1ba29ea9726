#include "forward/product.h"

#include <algorithm>

#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kGrain = 1 << 14;

void round_all(const float* from, float* to, std::int64_t count, DType dtype) {
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    if (dtype == DType::kBF16)
      round_bf16(from + begin, to + begin, end - begin);
    else
      std::transform(from + begin, from + end, to + begin, round_to_f16);
  });
}

void narrow_all(const float* from, std::uint16_t* to, std::int64_t count) {
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    f32_to_bf16(from + begin, to + begin, end - begin);
  });
}

bool natively_bf16(DType compute) { return compute == DType::kBF16 && has_bf16_products(); }

}  // namespace

ProductWeight::ProductWeight(std::vector<float> values, std::int64_t out, std::int64_t in,
                             DType compute)
    : out_(out), in_(in), compute_(compute), f32_(std::move(values)) {
  if (natively_bf16(compute_)) {
    bf16_.resize(f32_.size());
    narrow_all(f32_.data(), bf16_.data(), out_ * in_);
    f32_ = {};
    bf16_view_ = bf16_.data();
    return;
  }
  if (compute_ != DType::kF32) round_all(f32_.data(), f32_.data(), out_ * in_, compute_);
  f32_view_ = f32_.data();
}

ProductWeight::ProductWeight(Linear& linear, DType compute)
    : out_(linear.spec().out), in_(linear.spec().in), compute_(compute) {
  const bool exact = !linear.changed() && linear.source().dtype == compute_;
  if (natively_bf16(compute_)) {
    if (exact) {
      bf16_view_ = linear.source().as<std::uint16_t>();
      return;
    }
    bf16_.resize(static_cast<std::size_t>(out_ * in_));
    narrow_all(linear.weight(), bf16_.data(), out_ * in_);
    bf16_view_ = bf16_.data();
    return;
  }
  if (exact || compute_ == DType::kF32) {
    f32_view_ = linear.weight();
    return;
  }
  f32_.resize(static_cast<std::size_t>(out_ * in_));
  round_all(linear.weight(), f32_.data(), out_ * in_, compute_);
  f32_view_ = f32_.data();
}

void ProductWeight::multiply(const float* x, std::int64_t rows, const float* bias, float* y) const {
  const auto count = static_cast<std::size_t>(rows * in_);
  if (bf16_view_ != nullptr) {
    std::vector<std::uint16_t> narrow(count);
    narrow_all(x, narrow.data(), rows * in_);
    matmul_nt_bf16(narrow.data(), in_, bf16_view_, in_, y, out_, rows, out_, in_);
  } else if (compute_ == DType::kF32) {
    matmul_nt(x, in_, f32_view_, in_, y, out_, rows, out_, in_);
  } else {
    std::vector<float> rounded(count);
    round_all(x, rounded.data(), rows * in_, compute_);
    matmul_nt(rounded.data(), in_, f32_view_, in_, y, out_, rows, out_, in_);
  }
  if (bias == nullptr) return;
  parallel_ranges(rows, 64, [&](std::int64_t begin, std::int64_t end) {
    add_bias(y + begin * out_, bias, end - begin, out_);
  });
}

}  // namespace msmodelslim
