#include "forward/context.h"

#include <list>

#include "base/error.h"
#include "kernels/gemv.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

[[noreturn]] void throw_unkept() {
  throw UsageError("what an entry of the recipe looks at cannot be kept or taken from a file",
                   "leave out --stats_out and --stats_in");
}

}  // namespace

void Tap::store(ByteWriter&) const { throw_unkept(); }
void Tap::load(StatisticsReader&) { throw_unkept(); }

std::size_t KeptState::floats() const {
  std::size_t count = delta.inputs.size() + delta.memory.size();
  for (const CompressorState* state : {&entries, &index})
    count += state->waiting.size() + state->previous.size() + state->entries.size();
  return count;
}

bool FloatLinearOp::few_rows(const Linear& linear, const float* x, std::int64_t rows,
                             float* y) const {
  if (!linear.source().is_plain()) return false;
  const TensorView w = linear.source().plain();
  const std::int64_t in = linear.spec().in;
  const std::int64_t out = linear.spec().out;
  if (w.dtype != compute_dtype_) return false;
  if (w.dtype == DType::kF32) {
    few_rows_f32(x, w.as<float>(), y, rows, out, in);
    return true;
  }
  if (w.dtype != DType::kBF16) return false;
  std::vector<float> rounded(static_cast<std::size_t>(rows * in));
  round_bf16(x, rounded.data(), rows * in);
  few_rows_bf16(rounded.data(), w.as<std::uint16_t>(), y, rows, out, in);
  return true;
}

void FloatLinearOp::apply(Linear& linear, const float* x, std::int64_t rows,
                          const std::vector<Sequence>& sequences, float* y) {
  apply_each({{&linear, y}}, x, rows, sequences);
}

void FloatLinearOp::apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                               const std::vector<Sequence>&) {
  std::vector<ProductWeight::Part> products;
  std::list<ProductWeight> borrowed;
  for (const auto& [linear, y] : parts) {
    const float* bias = linear->bias().empty() ? nullptr : linear->bias().data();
    auto kept = kept_.find(linear->name());
    if (kept == kept_.end()) {
      const bool packs = packs_ && FloatLinearOp::packs(linear->spec());
      if (!packs && rows <= kFewRows && !linear->changed() && few_rows(*linear, x, rows, y)) {
        if (bias != nullptr) add_bias(y, bias, rows, linear->spec().out);
        continue;
      }
      ProductWeight weight(*linear, compute_dtype_);
      if (packs) weight.pack();
      if (weight.borrowed()) {
        products.push_back({&borrowed.emplace_back(std::move(weight)), bias, y});
        continue;
      }
      kept = kept_.emplace(linear->name(), std::move(weight)).first;
    }
    products.push_back({&kept->second, bias, y});
  }
  if (!products.empty()) ProductWeight::multiply_each(products, x, rows);
}

}  // namespace msmodelslim
