#include "quantize/low_rank.h"

#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "forward/product.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"
#include "kernels/svd.h"
#include "quantize/int8.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRows = 16;
constexpr std::int64_t kTile = 256;

void check_finite(const LinearSpec& spec, const float* weight) {
  std::atomic<bool> bad{false};
  parallel_ranges(spec.out, kRows, [&](std::int64_t begin, std::int64_t end) {
    if (!std::isfinite(abs_max(weight + begin * spec.in, (end - begin) * spec.in))) bad = true;
  });
  if (bad)
    throw DataError(fmt::format("tensor {}.weight holds NaN or infinite values", spec.name),
                    "the checkpoint is damaged; download the shard again");
}

}  // namespace

LowRank low_rank_of(Linear& linear, std::int64_t rank, DType dtype) {
  const LinearSpec& spec = linear.spec();
  const float* weight = linear.weight();
  check_finite(spec, weight);
  TruncatedSvd svd = truncated_svd(weight, spec.out, spec.in, rank);
  for (float& value : svd.left) value = round_to_dtype(value, dtype);
  for (float& value : svd.right) value = round_to_dtype(value, dtype);
  return {rank, std::move(svd.right), std::move(svd.left)};
}

std::vector<float> residual_of(Linear& linear, const LowRank& branch) {
  const std::int64_t n = linear.spec().out;
  const std::int64_t k = linear.spec().in;
  const float* weight = linear.weight();
  std::vector<float> minus_l2(branch.l2.size());
  for (std::size_t i = 0; i < minus_l2.size(); ++i) minus_l2[i] = -branch.l2[i];
  std::vector<float> residual(weight, weight + n * k);
  parallel_for((n + kTile - 1) / kTile, [&](std::int64_t tile) {
    const std::int64_t r = tile * kTile;
    matmul_nn_tile(minus_l2.data() + r * branch.rank, branch.rank, branch.l1.data(), k,
                   residual.data() + r * k, k, std::min(kTile, n - r), k, branch.rank, 1.0F);
  });
  return residual;
}

void add_low_rank(const LowRank& branch, const float* x, std::int64_t rows, DType compute,
                  float* y) {
  const std::int64_t rank = branch.rank;
  const auto in = static_cast<std::int64_t>(branch.l1.size()) / rank;
  const auto out = static_cast<std::int64_t>(branch.l2.size()) / rank;
  std::vector<float> narrow(static_cast<std::size_t>(rows * rank));
  std::vector<float> wide(static_cast<std::size_t>(rows * out));
  ProductWeight(branch.l1, rank, in, compute).multiply(x, rows, nullptr, narrow.data());
  ProductWeight(branch.l2, out, rank, compute).multiply(narrow.data(), rows, nullptr, wide.data());
  parallel_ranges(rows * out, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    add_to(y + begin, wide.data() + begin, end - begin);
  });
}

}  // namespace msmodelslim
