#include "suppress/rotation.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "suppress/hadamard.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRowGrain = 16;
constexpr std::int64_t kColumnTile = 16;  // columns that are turned together

// Natural-order Walsh-Hadamard transform of n = 2^p values, unscaled.
void walsh_hadamard(double* x, std::int64_t n) {
  for (std::int64_t half = 1; half < n; half *= 2)
    for (std::int64_t begin = 0; begin < n; begin += 2 * half) {
      double* low = x + begin;
      double* high = low + half;
      for (std::int64_t i = 0; i < half; ++i) {
        const double a = low[i];
        const double b = high[i];
        low[i] = a + b;
        high[i] = a - b;
      }
    }
}

}  // namespace

void Rotation::add_blocks(std::int64_t block) {
  if (block < 1 || size_ % block != 0)
    throw UsageError(fmt::format("rotation blocks of {} do not divide a width of {}", block, size_),
                     "choose a block_size (or max_tp_size) that divides it, or block_size -1");
  const std::int64_t k = hadamard_factor(block);
  if (k == 0)
    throw UsageError(fmt::format("no Hadamard matrix of size {} is known", block),
                     "set block_size to a power of two that divides the hidden size, e.g. 32");
  if (block > 1) parts_.emplace_back(Hadamard{block, k, hadamard_table(k), random_signs(block)});
}

Rotation Rotation::hadamard(std::int64_t size, std::int64_t block) {
  Rotation rotation(size);
  rotation.add_blocks(block < 0 ? size : block);
  return rotation;
}

Rotation Rotation::shifted(std::int64_t size, std::int64_t block) {
  constexpr std::int64_t kShift = 16;
  Rotation rotation(size);
  rotation.add_blocks(block);
  rotation.parts_.emplace_back(Shift{kShift});
  rotation.add_blocks(block);
  return rotation;
}

Rotation Rotation::dense(std::vector<float> matrix, std::int64_t size) {
  Rotation rotation(size);
  rotation.parts_.emplace_back(Dense{std::move(matrix)});
  return rotation;
}

void Rotation::transform(const Hadamard& part, float* x, std::int64_t size) {
  const std::int64_t p = part.n / part.k;
  const double scale = 1.0 / std::sqrt(static_cast<double>(part.n));
  thread_local std::vector<double> in;
  thread_local std::vector<double> out;
  in.resize(static_cast<std::size_t>(part.n));
  for (float* block = x; block < x + size; block += part.n) {
    for (std::int64_t i = 0; i < part.n; ++i)
      in[static_cast<std::size_t>(i)] =
          scale * static_cast<double>(block[i] * part.signs[static_cast<std::size_t>(i)]);
    for (std::int64_t i = 0; i < part.k; ++i) walsh_hadamard(in.data() + i * p, p);
    if (part.k > 1) {
      out.assign(static_cast<std::size_t>(part.n), 0.0);
      for (std::int64_t j = 0; j < part.k; ++j)
        for (std::int64_t i = 0; i < part.k; ++i) {
          const double sign = part.table[static_cast<std::size_t>(j * part.k + i)];
          for (std::int64_t c = 0; c < p; ++c)
            out[static_cast<std::size_t>(j * p + c)] +=
                sign * in[static_cast<std::size_t>(i * p + c)];
        }
      in.swap(out);
    }
    for (std::int64_t i = 0; i < part.n; ++i)
      block[i] = static_cast<float>(in[static_cast<std::size_t>(i)]);
  }
}

void Rotation::transform(const Shift& part, float* x, std::int64_t size) {
  // (x P)[j] = x[(j - by) mod size]
  std::rotate(x, x + (size - part.by % size) % size, x + size);
}

void Rotation::transform(const Dense& part, float* x, std::int64_t size) {
  thread_local std::vector<float> out;
  out.assign(static_cast<std::size_t>(size), 0.0F);
  for (std::int64_t i = 0; i < size; ++i) {
    const float* row = part.matrix.data() + i * size;
    const float value = x[i];
    for (std::int64_t j = 0; j < size; ++j) out[static_cast<std::size_t>(j)] += value * row[j];
  }
  std::copy(out.begin(), out.end(), x);
}

void Rotation::rotate_here(float* x, std::int64_t rows, std::int64_t width) const {
  for (float* at = x; at < x + rows * width; at += size_)
    for (const auto& part : parts_)
      std::visit([&](const auto& step) { transform(step, at, size_); }, part);
}

void Rotation::rotate_rows(float* x, std::int64_t rows, std::int64_t width) const {
  if (is_identity()) return;
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    rotate_here(x + begin * width, end - begin, width);
  });
}

void Rotation::rotate_columns(float* x, std::int64_t rows, std::int64_t width) const {
  if (is_identity()) return;
  parallel_ranges(width, kColumnTile, [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<float> columns;  // [end - begin, rows]
    columns.resize(static_cast<std::size_t>((end - begin) * rows));
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t c = begin; c < end; ++c)
        columns[static_cast<std::size_t>((c - begin) * rows + i)] = x[i * width + c];
    rotate_here(columns.data(), end - begin, rows);
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t c = begin; c < end; ++c)
        x[i * width + c] = columns[static_cast<std::size_t>((c - begin) * rows + i)];
  });
}

std::vector<float> Rotation::matrix() const {
  std::vector<float> values(static_cast<std::size_t>(size_ * size_), 0.0F);
  for (std::int64_t i = 0; i < size_; ++i) values[static_cast<std::size_t>(i * (size_ + 1))] = 1;
  rotate_rows(values.data(), size_, size_);
  return values;
}

void rotate_input(Linear& linear, const Rotation& rotation) {
  rotation.rotate_rows(linear.mutable_weight(), linear.spec().out, linear.spec().in);
}

void rotate_output(Linear& linear, const Rotation& rotation) {
  if (rotation.is_identity()) return;
  const LinearSpec& spec = linear.spec();
  rotation.rotate_columns(linear.mutable_weight(), spec.out, spec.in);
  if (!linear.bias().empty()) rotation.rotate_rows(linear.mutable_bias().data(), 1, spec.out);
}

}  // namespace msmodelslim
