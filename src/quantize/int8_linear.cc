#include "quantize/int8_linear.h"

#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/ops.h"

namespace msmodelslim {

Int8Weight::Int8Weight(const std::string& name, const WeightRows& rows) {
  const std::int64_t in = rows.width();
  const std::int64_t out = rows.rows();
  codes_.resize(static_cast<std::size_t>(in * out));
  scales_.resize(static_cast<std::size_t>(out));
  std::atomic<bool> bad{false};
  constexpr std::int64_t kRows = 64;
  parallel_ranges(out, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(static_cast<std::size_t>(in));
    for (std::int64_t r = begin; r < end; ++r) {
      const float* row = rows.row(r, buffer.data());
      const float largest = abs_max(row, in);
      if (!std::isfinite(largest)) bad = true;
      const float scale = largest > 0 ? largest / 127.0F : 1.0F;
      scales_[static_cast<std::size_t>(r)] = scale;
      quantize_s8(row, scale, 0.0F, -128.0F, codes_.data() + r * in, in);
    }
  });
  if (bad)
    throw DataError(fmt::format("tensor {}.weight holds NaN or infinite values", name),
                    "the checkpoint is damaged; download the shard again");
  weight_ = CodeWeight(codes_.data(), out, in);
  if (PackedCodes::available() && weight_.pack(8, packed_)) codes_ = {};
}

DynamicProduct Int8Weight::product(const Linear& linear, float* y) const {
  return {&weight_, scales_.data(), linear.bias().empty() ? nullptr : linear.bias().data(), y};
}

const Int8Weight& Int8LinearOp::weight_of(Linear& linear) {
  auto& weight = weights_[linear.name()];
  if (!weight) weight = std::make_unique<Int8Weight>(linear.name(), WeightRows(linear));
  return *weight;
}

void Int8LinearOp::apply(Linear& linear, const float* x, std::int64_t rows,
                         const std::vector<Sequence>& sequences, float* y) {
  apply_each({{&linear, y}}, x, rows, sequences);
}

void Int8LinearOp::apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                              const std::vector<Sequence>& /*sequences*/) {
  std::vector<DynamicProduct> products;
  for (const Part& part : parts)
    products.push_back(weight_of(*part.linear).product(*part.linear, part.y));
  quantize_per_token(x, rows, parts.front().linear->spec().in, input_);
  multiply_dynamic(input_, products, rows);
}

}  // namespace msmodelslim
