#include "quantize/flat_pair.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/gemm.h"
#include "quantize/int8.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRowGrain = 16;

std::vector<float> rounded(const SmallMatrix& matrix, DType dtype) {
  std::vector<float> values(matrix.size());
  std::transform(matrix.begin(), matrix.end(), values.begin(), [dtype](double value) {
    return round_to_dtype(static_cast<float>(value), dtype);
  });
  return values;
}

// The inverse transposed.
SmallMatrix for_weights(const std::vector<float>& matrix, std::int64_t n) {
  SmallMatrix inverted = inverse(SmallMatrix(matrix.begin(), matrix.end()), n);
  if (inverted.empty())
    throw DataError("flatquant: a learned transform has no inverse",
                    "use other calibration samples, or exclude the linear");
  return transposed(inverted, n);
}

// (row / c) (L x R)^-T in double; `scratch` [m, n].
void transform_row(const FlatTransform& transform, const SmallMatrix& left,
                   const SmallMatrix& right, std::vector<double>& scratch, float* row) {
  const auto [m, n] = transform.pair.sides;
  std::vector<double>& half = scratch;  // X R
  half.assign(static_cast<std::size_t>(m * n), 0.0);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t k = 0; k < n; ++k) {
      const auto at = static_cast<std::size_t>(i * n + k);
      const double c = transform.c.empty() ? 1.0 : transform.c[at];
      const double value = static_cast<double>(row[i * n + k]) / c;
      for (std::int64_t j = 0; j < n; ++j)
        half[static_cast<std::size_t>(i * n + j)] +=
            value * right[static_cast<std::size_t>(k * n + j)];
    }
  std::vector<double> line(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < m; ++i) {
    std::fill(line.begin(), line.end(), 0.0);
    for (std::int64_t k = 0; k < m; ++k) {
      const double factor = left[static_cast<std::size_t>(k * m + i)];
      for (std::int64_t j = 0; j < n; ++j)
        line[static_cast<std::size_t>(j)] += factor * half[static_cast<std::size_t>(k * n + j)];
    }
    std::copy(line.begin(), line.end(), row + i * n);
  }
}

void rewrite_target(const FlatTransform& transform, std::size_t index, DType dtype, Block& block) {
  const LinearSpec& spec = *transform.pair.targets[index];
  const auto [m, n] = transform.pair.sides;
  InputRotation rotation;
  rotation.m = m;
  rotation.n = n;
  rotation.left = rounded(transform.left, dtype);
  rotation.right = rounded(transform.right, dtype);
  rotation.flat = true;
  rotation.clip_ratio = transform.clip_ratio;
  const SmallMatrix left = for_weights(rotation.left, m);
  const SmallMatrix right = for_weights(rotation.right, n);
  Linear& linear = linear_of(block, spec);
  float* weight = linear.mutable_weight();
  parallel_ranges(spec.out, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> scratch;
    for (std::int64_t i = begin; i < end; ++i) {
      float* row = weight + i * spec.in;
      transform_row(transform, left, right, scratch, row);
      if (!transform.weight_clips.empty())
        clip_row(row, transform.weight_clips[index][static_cast<std::size_t>(i)], row, spec.in);
    }
  });
  if (transform.pair.kind == FlatKind::kAttentionOut) rotation.right.clear();  // in v already
  linear.set_input_rotation(std::move(rotation));
}

// v <- (I x R)^T v
void turn_values(const std::vector<float>& right, std::int64_t head_dim, Linear& v) {
  const std::int64_t heads = v.spec().out / head_dim;
  const auto turn = [&](float* x, std::int64_t width) {
    parallel_for(heads, [&](std::int64_t head) {
      float* rows = x + head * head_dim * width;
      const std::vector<float> before(rows, rows + head_dim * width);
      matmul_tn_tile(right.data(), head_dim, before.data(), width, rows, width, head_dim, width,
                     head_dim);
    });
  };
  turn(v.mutable_weight(), v.spec().in);
  if (!v.bias().empty()) turn(v.mutable_bias().data(), 1);
}

void scale_norm(const std::vector<double>& c, Norm& norm) {
  norm.changed = true;
  for (std::size_t i = 0; i < c.size(); ++i) {
    norm.weight[i] *= static_cast<float>(c[i]);
    if (!norm.bias.empty()) norm.bias[i] *= static_cast<float>(c[i]);
  }
}

void scale_rows(const std::vector<double>& c, Linear& linear) {
  const std::int64_t in = linear.spec().in;
  float* weight = linear.mutable_weight();
  for (std::size_t i = 0; i < c.size(); ++i) {
    const auto factor = static_cast<float>(c[i]);
    float* row = weight + static_cast<std::int64_t>(i) * in;
    std::for_each(row, row + in, [factor](float& value) { value *= factor; });
    if (!linear.bias().empty()) linear.mutable_bias()[i] *= factor;
  }
}

void rewrite_source(const FlatTransform& transform, DType dtype, Block& block) {
  switch (transform.pair.kind) {
    case FlatKind::kQueryKeyValue:
      return scale_norm(transform.c, block.input_norm);
    case FlatKind::kAttentionOut:
      return turn_values(rounded(transform.right, dtype), transform.pair.sides.n, block.v);
    case FlatKind::kGateUp:
      return scale_norm(transform.c, block.post_attention_norm);
    case FlatKind::kDown:
      return scale_rows(transform.c, block.up);
  }
}

}  // namespace

std::optional<FlatSides> flat_sides(std::int64_t width) {
  if (width < 1 || width % 4 == 2) return std::nullopt;
  for (auto middle = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(width))));;
       ++middle) {
    const std::int64_t square = middle * middle - width;
    const auto half =
        static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(square))));
    if (half * half == square) return FlatSides{middle - half, middle + half};
  }
}

std::vector<FlatPair> flat_pairs(const ModelSpec& model, const BlockSpec& block,
                                 const std::function<bool(const std::string&)>& selects) {
  std::vector<FlatPair> pairs;
  if (block.moe || block.mla) return pairs;  // the backward pass knows dense blocks only
  const auto add = [&](FlatKind kind, std::vector<const LinearSpec*> targets) {
    if (!std::all_of(targets.begin(), targets.end(),
                     [&](const LinearSpec* target) { return selects(target->name); }))
      return;
    const LinearSpec& first = *targets.front();
    const auto sides = kind == FlatKind::kAttentionOut ? FlatSides{block.heads, model.head_dim}
                                                       : flat_sides(first.in);
    if (!sides)
      throw UsageError(fmt::format("flatquant: {} has {} inputs, which have no two sides with an "
                                   "even difference",
                                   first.name, first.in),
                       "exclude it and the linears with the same input");
    pairs.push_back({kind, std::move(targets), *sides});
  };
  add(FlatKind::kQueryKeyValue, {&block.q, &block.k, &block.v});
  add(FlatKind::kAttentionOut, {&block.o});
  add(FlatKind::kGateUp, {&block.gate, &block.up});
  add(FlatKind::kDown, {&block.down});
  return pairs;
}

Linear& linear_of(Block& block, const LinearSpec& spec) {
  for (Linear* linear : block.linears())
    if (linear->name() == spec.name) return *linear;
  throw DataError(spec.name + " is no linear of the block", "this is a bug; please report it");
}

void fold_transforms(const std::vector<FlatTransform>& transforms, DType dtype, Block& block) {
  for (const FlatTransform& transform : transforms)
    for (std::size_t i = 0; i < transform.pair.targets.size(); ++i)
      rewrite_target(transform, i, dtype, block);
  for (const FlatTransform& transform : transforms) rewrite_source(transform, dtype, block);
}

}  // namespace msmodelslim
