#include "forward/input_rotation.h"

#include <algorithm>

#include "base/error.h"
#include "base/threads.h"
#include "checkpoint/ascendv1.h"
#include "kernels/gemm.h"
#include "kernels/small_matrix.h"
#include "tensor/tensor.h"

namespace msmodelslim {
namespace {

std::vector<float> square_matrix(const CheckpointReader& checkpoint, const std::string& name) {
  const TensorView view = checkpoint.at(name);
  if (view.shape.size() != 2 || view.shape[0] != view.shape[1] || !is_float(view.dtype))
    throw DataError(fmt::format("{} is {} {}, expected a square float matrix", name,
                                dtype_name(view.dtype), shape_text(view.shape)),
                    "quantize the model again");
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  to_f32(view, values.data());
  return values;
}

std::int64_t side_of(const std::vector<float>& matrix) {
  std::int64_t side = 0;
  while (side * side < static_cast<std::int64_t>(matrix.size())) ++side;
  return side;
}

void read_flat(const CheckpointReader& checkpoint, const std::string& name, std::int64_t in,
               InputRotation& rotation) {
  rotation.flat = true;
  rotation.left = square_matrix(checkpoint, name + kLeftTrans);
  rotation.m = side_of(rotation.left);
  rotation.n = rotation.m > 0 ? in / rotation.m : 0;
  if (checkpoint.has(name + kRightTrans)) {
    rotation.right = square_matrix(checkpoint, name + kRightTrans);
    rotation.n = side_of(rotation.right);
  }
  const TensorView ratio = checkpoint.at(name + kClipRatio);
  if (ratio.count() != 1 || !is_float(ratio.dtype))
    throw DataError(fmt::format("{}{} is {} {}, expected one number", name, kClipRatio,
                                dtype_name(ratio.dtype), shape_text(ratio.shape)),
                    "quantize the model again");
  to_f32(ratio, &rotation.clip_ratio);
}

}  // namespace

void InputRotation::apply(const float* x, std::int64_t rows, float* out) const {
  constexpr std::int64_t kRowGrain = 8;
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t in = m * n;
    thread_local std::vector<float> turned;
    const float* from = x + begin * in;
    float* to = out + begin * in;
    if (!right.empty()) {
      turned.resize(static_cast<std::size_t>((end - begin) * in));
      float* target = left.empty() ? to : turned.data();
      matmul_nn_tile(from, n, right.data(), n, target, n, (end - begin) * m, n, n);
      from = target;
    }
    if (left.empty()) {
      if (right.empty()) std::copy_n(from, (end - begin) * in, to);
      return;
    }
    for (std::int64_t r = 0; r < end - begin; ++r) {
      const float* row = from + r * in;
      float* result = to + r * in;
      for (std::int64_t i = 0; i < m; ++i) {
        float* line = result + i * n;
        std::fill(line, line + n, 0.0F);
        for (std::int64_t j = 0; j < m; ++j) {
          const float factor = left[static_cast<std::size_t>(j * m + i)];
          if (factor == 0) continue;
          for (std::int64_t c = 0; c < n; ++c) line[c] += factor * row[j * n + c];
        }
      }
    }
  });
}

InputRotation InputRotation::transposed() const {
  const auto turned = [](const std::vector<float>& matrix, std::int64_t side) {
    std::vector<float> result(matrix.size());
    for (std::int64_t i = 0; i < side && !matrix.empty(); ++i)
      for (std::int64_t j = 0; j < side; ++j)
        result[static_cast<std::size_t>(j * side + i)] =
            matrix[static_cast<std::size_t>(i * side + j)];
    return result;
  };
  InputRotation result = *this;
  result.left = turned(left, m);
  result.right = turned(right, n);
  return result;
}

InputRotation InputRotation::inverse() const {
  if (!flat) return transposed();
  const auto inverted = [](const std::vector<float>& matrix, std::int64_t side) {
    if (matrix.empty()) return matrix;
    const SmallMatrix result =
        msmodelslim::inverse(SmallMatrix(matrix.begin(), matrix.end()), side);
    if (result.empty())
      throw DataError("a FlatQuant transform has no inverse", "quantize the model again");
    return std::vector<float>(result.begin(), result.end());
  };
  InputRotation result = *this;
  result.left = inverted(left, m);
  result.right = inverted(right, n);
  return result;
}

InputRotation read_input_rotation(const CheckpointReader& checkpoint, const std::string& name,
                                  std::int64_t in) {
  InputRotation rotation;
  if (checkpoint.has(name + kHeadsRotation)) {
    rotation.left = square_matrix(checkpoint, name + kHeadsRotation);
    rotation.m = side_of(rotation.left);
    rotation.n = rotation.m > 0 ? in / rotation.m : 0;
  } else if (checkpoint.has(name + kKroneckerM)) {
    rotation.left = square_matrix(checkpoint, name + kKroneckerM);
    rotation.right = square_matrix(checkpoint, name + kKroneckerN);
    rotation.m = side_of(rotation.left);
    rotation.n = side_of(rotation.right);
  } else if (checkpoint.has(name + kLeftTrans)) {
    read_flat(checkpoint, name, in, rotation);
  } else {
    return rotation;
  }
  if (rotation.m * rotation.n != in)
    throw DataError(fmt::format("{}: its rotation turns {} x {} values, the input has {}", name,
                                rotation.m, rotation.n, in),
                    "quantize the model again");
  return rotation;
}

}  // namespace msmodelslim
