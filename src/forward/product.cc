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

RawVector<std::uint16_t> narrowed(const float* x, std::int64_t count) {
  RawVector<std::uint16_t> narrow(static_cast<std::size_t>(count));
  narrow_all(x, narrow.data(), count);
  return narrow;
}

// A side of a backward product: rounded to bfloat16 or as it is.
class Gradient {
 public:
  Gradient(const float* values, std::int64_t count, DType compute) : data_(values) {
    if (compute != DType::kBF16) return;
    rounded_.resize(static_cast<std::size_t>(count));
    round_all(values, rounded_.data(), count, compute);
    data_ = rounded_.data();
  }
  const float* data() const { return data_; }

 private:
  const float* data_;
  RawVector<float> rounded_;
};

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
  const bool exact =
      !linear.changed() && linear.source().is_plain() && linear.source().dtype() == compute_;
  if (natively_bf16(compute_)) {
    if (exact) {
      bf16_view_ = linear.source().plain().as<std::uint16_t>();
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

ProductWeight::ProductWeight(const WeightSource& source, std::int64_t begin, std::int64_t end,
                             DType compute)
    : out_(end - begin), in_(source.shape()[1]), compute_(compute) {
  const bool as_it_is = compute == DType::kF32 || natively_bf16(compute);
  if (!as_it_is || !source.is_plain() || source.dtype() != compute) {
    *this = ProductWeight(out_, in_, compute);
    fill([&](std::int64_t i, float* to) { source.read_rows(begin + i, begin + i + 1, to); });
  } else if (compute == DType::kF32) {
    f32_view_ = source.plain().as<float>() + begin * in_;
  } else {
    bf16_view_ = source.plain().as<std::uint16_t>() + begin * in_;
  }
}

ProductWeight::ProductWeight(std::int64_t out, std::int64_t in, DType compute)
    : out_(out), in_(in), compute_(compute) {
  const auto count = static_cast<std::size_t>(out * in);
  if (natively_bf16(compute)) {
    bf16_.resize(count);
    bf16_view_ = bf16_.data();
  } else {
    f32_.resize(count);
    f32_view_ = f32_.data();
  }
}

void ProductWeight::fill(const std::function<void(std::int64_t, float*)>& row) {
  constexpr std::int64_t kRows = 16;
  parallel_ranges(out_, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(bf16_.empty() ? 0 : static_cast<std::size_t>(in_));
    for (std::int64_t i = begin; i < end; ++i) {
      float* to = bf16_.empty() ? f32_.data() + i * in_ : buffer.data();
      row(i, to);
      if (!bf16_.empty())
        f32_to_bf16(to, bf16_.data() + i * in_, in_);
      else if (compute_ == DType::kBF16)
        round_bf16(to, to, in_);
      else if (compute_ == DType::kF16)
        std::transform(to, to + in_, to, round_to_f16);
    }
  });
}

void ProductWeight::pack() {
  if (bf16_view_ == nullptr || !packs_bf16_products()) return;
  panels_.resize(PackedBf16::bytes(out_, in_));
  packed_.emplace(bf16_view_, out_, in_, panels_.data());
}

void ProductWeight::multiply(const float* x, std::int64_t rows, const float* bias, float* y) const {
  multiply_each({{this, bias, y}}, x, rows);
}

void ProductWeight::multiply_each(const std::vector<Part>& parts, const float* x,
                                  std::int64_t rows) {
  const ProductWeight& first = *parts.front().weight;
  const std::int64_t in = first.in_;
  if (first.bf16_view_ != nullptr) {
    std::vector<Bf16Product> products;
    products.reserve(parts.size());
    for (const auto& [weight, bias, y] : parts)
      products.push_back(
          {weight->bf16_view_, y, weight->out_, weight->packed_ ? &*weight->packed_ : nullptr});
    matmul_nt_each_bf16(x, products, rows, in);
  } else {
    std::vector<FloatProduct> products;
    products.reserve(parts.size());
    for (const auto& [weight, bias, y] : parts)
      products.push_back({weight->f32_view_, in, y, weight->out_, weight->out_});
    if (first.compute_ == DType::kF32) {
      matmul_nt_each(x, in, products, rows, in);
    } else {
      RawVector<float> rounded(static_cast<std::size_t>(rows * in));
      round_all(x, rounded.data(), rows * in, first.compute_);
      matmul_nt_each(rounded.data(), in, products, rows, in);
    }
  }
  for (const Part& part : parts) {
    if (part.bias == nullptr) continue;
    const std::int64_t out = part.weight->out_;
    parallel_ranges(rows, 64, [&](std::int64_t begin, std::int64_t end) {
      add_bias(part.y + begin * out, part.bias, end - begin, out);
    });
  }
}

void ProductWeight::multiply_back(const float* dy, std::int64_t rows, bool accumulate,
                                  float* dx) const {
  if (bf16_view_ != nullptr) {
    const RawVector<std::uint16_t> narrow = narrowed(dy, rows * out_);
    matmul_nn_bf16(narrow.data(), out_, bf16_view_, in_, dx, in_, rows, in_, out_, accumulate);
    return;
  }
  const Gradient gradient(dy, rows * out_, compute_);
  matmul_nn(gradient.data(), out_, f32_view_, in_, dx, in_, rows, in_, out_, accumulate);
}

void weight_gradient(DType compute, const float* dy, const float* x, std::int64_t rows,
                     std::int64_t out, std::int64_t in, bool accumulate, float* g) {
  if (natively_bf16(compute)) {
    const RawVector<std::uint16_t> narrow_dy = narrowed(dy, rows * out);
    const RawVector<std::uint16_t> narrow_x = narrowed(x, rows * in);
    matmul_tn_bf16(narrow_dy.data(), out, narrow_x.data(), in, g, in, out, in, rows, accumulate);
    return;
  }
  const Gradient gradient(dy, rows * out, compute);
  const Gradient input(x, rows * in, compute);
  matmul_tn(gradient.data(), out, input.data(), in, g, in, out, in, rows, accumulate);
}

}  // namespace msmodelslim
