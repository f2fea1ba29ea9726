#include "quantize/dynamic_product.h"

#include <algorithm>

#include "base/threads.h"
#include "kernels/code_sums.h"
#include "kernels/learned_round.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kTaskValues = 1 << 14;  // fewer are quantized sooner than a thread wakes up

template <typename Encode>
void quantize_rows(const float* x, std::int64_t rows, std::int64_t in, float highest,
                   DynamicInput& out, const Encode& encode) {
  out.codes.resize(static_cast<std::size_t>(rows * in));
  out.scales.resize(static_cast<std::size_t>(rows));
  const std::int64_t grain = std::max<std::int64_t>(1, kTaskValues / in);
  parallel_ranges(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float largest = abs_max(x + r * in, in);
      const float scale = largest > 0 ? largest / highest : 1.0F;
      out.scales[static_cast<std::size_t>(r)] = scale;
      encode(x + r * in, scale, out.codes.data() + r * in);
    }
  });
}

}  // namespace

void quantize_per_token(const float* x, std::int64_t rows, std::int64_t in, DynamicInput& out) {
  quantize_rows(x, rows, in, 127.0F, out, [&](const float* row, float scale, std::int8_t* codes) {
    quantize_s8(row, scale, 0.0F, -128.0F, codes, in);
  });
}

void quantize_per_token_int4(const float* x, std::int64_t rows, std::int64_t in, float clip_ratio,
                             DynamicInput& out) {
  constexpr RoundRange kInt4 = {0.0F, -8.0F, 7.0F};
  quantize_rows(x, rows, in, 7.0F / clip_ratio, out,
                [&](const float* row, float scale, std::int8_t* codes) {
                  learned_codes(row, nullptr, scale, kInt4, codes, in);
                });
}

void multiply_dynamic(const DynamicInput& input, const std::vector<DynamicProduct>& products,
                      std::int64_t rows) {
  std::vector<CodeWeight::Product> code_products;
  for (const DynamicProduct& product : products)
    code_products.push_back(
        {product.weight, [&](std::int64_t row, std::int64_t col, const SumTile& tile) {
           const std::int64_t out = product.weight->out();
           scale_sums(tile, input.scales.data() + row, product.weight_scale + col,
                      product.bias == nullptr ? nullptr : product.bias + col,
                      product.y + row * out + col, out);
         }});
  CodeWeight::multiply(code_products, input.codes.data(), rows);
}

}  // namespace msmodelslim
