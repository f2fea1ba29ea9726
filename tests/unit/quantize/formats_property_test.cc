// Bounds of the quantize-dequantize error of every weight format, over shapes that a real model
// need not have: odd sizes, one row, one column, rows of zeros, rows of very different size.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "quantize/mx.h"
#include "quantize/weight.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

struct Format {
  const char* name;
  LinearType type;
  int bits;
  const char* method;
};

void PrintTo(const Format& format, std::ostream* out) { *out << format.name; }

constexpr Format kFormats[] = {
    {"int8_minmax", LinearType::kW8A8Dynamic, 8, "minmax"},
    {"int8_ssz", LinearType::kW8A8Dynamic, 8, "ssz"},
    {"int4_minmax", LinearType::kW4A8Dynamic, 4, "minmax"},
    {"int4_ssz", LinearType::kW4A8Dynamic, 4, "ssz"},
    {"w8a16", LinearType::kW8A16, 8, "minmax"},
    {"fp8", LinearType::kFp8Dynamic, 8, "minmax"},
    {"mxfp8", LinearType::kMxFp8, 8, "minmax"},
    {"mxfp8_mse", LinearType::kMxFp8, 8, "mse_round"},
    {"w4a8_mx", LinearType::kW4A8MxFp, 4, "minmax"},
    {"mxfp4", LinearType::kMxFp4, 4, "minmax"},
    {"mxfp4_ceil_x", LinearType::kMxFp4, 4, "ceil_x"},
    {"mxfp4_fouroversix", LinearType::kMxFp4, 4, "fouroversix"},
    {"mxfp4_dual", LinearType::kMxFp4Dual, 4, "dualscale"},
};

struct Shape2 {
  std::int64_t out;
  std::int64_t in;
};

std::vector<float> random_weight(Shape2 shape, std::mt19937& generator) {
  std::normal_distribution<float> normal;
  std::vector<float> w(static_cast<std::size_t>(shape.out * shape.in));
  for (std::int64_t r = 0; r < shape.out; ++r) {
    const float size =
        r % 5 == 4 ? 0.0F : std::ldexp(1.0F, static_cast<int>(generator() % 40) - 25);
    for (std::int64_t j = 0; j < shape.in; ++j)
      w[static_cast<std::size_t>(r * shape.in + j)] = size * normal(generator);
  }
  return w;
}

QuantizedLinear quantize(const Format& format, const std::vector<float>& w, Shape2 shape,
                         DType dtype = DType::kF32) {
  const Tensor tensor = from_f32(w.data(), {shape.out, shape.in}, dtype);
  Linear linear({"model.layers.0.mlp.gate_proj", shape.in, shape.out, false, Role::kGate, ""},
                tensor.view());
  WeightConfig config;
  config.bits = format.bits;
  config.method = format.method;
  config.scale_dtype = dtype;
  config.dual_block = 64;
  QuantizedLinear result;
  result.spec = linear.spec();
  result.type = format.type;
  quantize_weight(config, WeightRows(linear), result);
  return result;
}

std::vector<float> restored(const QuantizedLinear& linear) {
  std::vector<float> values(static_cast<std::size_t>(linear.spec.in * linear.spec.out));
  dequantize_weight(linear, values.data());
  return values;
}

// Largest error that the format may make in a span of values that share a scale, as a share of
// their largest magnitude.
float bound(const Format& format) {
  const std::string method = format.method;
  switch (format.type) {
    case LinearType::kFp8Dynamic:
      return 1.001F / 28;  // half of the last step, 32 of 448
    case LinearType::kMxFp8:
      return 0.126F;  // up to 2^9 is clamped to 448
    case LinearType::kMxFp4:
    case LinearType::kMxFp4Dual:
    case LinearType::kW4A8MxFp:
      // minmax clamps 7 to 6; half a step of the last binade is 1 of 4.
      return method == "fouroversix" ? 0.36F : 0.26F;
    default:
      // Half a step; ssz may trade the largest for the rest.
      if (method == "ssz") return format.bits == 8 ? 0.2F : 0.5F;
      return 0.5001F / (format.bits == 8 ? 127.0F : 7.0F);
  }
}

class Formats : public testing::TestWithParam<Format> {
 protected:
  // Columns that share a scale.
  std::int64_t span(Shape2 shape) const { return is_mx(GetParam().type) ? kMxBlock : shape.in; }
  bool needs_pairs() const {
    return is_mx(GetParam().type) && GetParam().type != LinearType::kMxFp8;
  }
  std::vector<Shape2> shapes() const {
    std::vector<Shape2> all;
    for (std::int64_t out : {1, 2, 7, 33})
      for (std::int64_t in : {1, 2, 31, 32, 34, 65, 96, 129})
        if (in % 2 == 0 || !needs_pairs()) all.push_back({out, in});
    return all;
  }
};

// Those whose scale is that of the largest value; the others search one.
class PlainFormats : public Formats {};

std::vector<Format> plain_formats() {
  std::vector<Format> plain;
  for (const Format& format : kFormats)
    if (std::string(format.method) == "minmax") plain.push_back(format);
  return plain;
}

TEST_P(Formats, ErrorStaysWithinTheBound) {
  std::mt19937 generator(11);
  for (const Shape2& shape : shapes()) {
    const std::vector<float> w = random_weight(shape, generator);
    const std::vector<float> back = restored(quantize(GetParam(), w, shape));
    for (std::int64_t r = 0; r < shape.out; ++r)
      for (std::int64_t begin = 0; begin < shape.in; begin += span(shape)) {
        const std::int64_t end = std::min(begin + span(shape), shape.in);
        // The dual scale's inner blocks are compared with the outer block's largest value.
        const bool dual = GetParam().type == LinearType::kMxFp4Dual;
        const std::int64_t first = dual ? begin / 64 * 64 : begin;
        const std::int64_t last = dual ? std::min(first + 64, shape.in) : end;
        float largest = 0;
        for (std::int64_t j = first; j < last; ++j)
          largest = std::max(largest, std::fabs(w[static_cast<std::size_t>(r * shape.in + j)]));
        // The smallest scale there is: 2^-23 for integers, 1e-12 / 448 for fp8, tiny for MX.
        const float floor = is_float_format(GetParam().type) ? 1e-7F * 8 : 0x1p-23F;
        for (std::int64_t j = begin; j < end; ++j) {
          const auto i = static_cast<std::size_t>(r * shape.in + j);
          ASSERT_LE(std::fabs(back[i] - w[i]), bound(GetParam()) * largest + floor)
              << shape.out << " x " << shape.in << " at " << r << ", " << j << ": " << w[i];
        }
      }
  }
}

TEST_P(Formats, RowsOfZerosStayZero) {
  for (const Shape2& shape : shapes()) {
    const std::vector<float> w(static_cast<std::size_t>(shape.out * shape.in), 0.0F);
    const QuantizedLinear q = quantize(GetParam(), w, shape);
    for (float value : restored(q)) ASSERT_EQ(value, 0.0F);
    for (float scale : q.weight_scale) ASSERT_TRUE(scale > 0 && std::isfinite(scale));
    for (float scale : q.dual_scale) ASSERT_TRUE(scale > 0 && std::isfinite(scale));
  }
}

// What was restored is on the grid: quantized again it stays.
TEST_P(PlainFormats, RestoredValuesStayWhereTheyAre) {
  std::mt19937 generator(12);
  for (const Shape2& shape : shapes()) {
    const std::vector<float> w = random_weight(shape, generator);
    const std::vector<float> once = restored(quantize(GetParam(), w, shape));
    const std::vector<float> twice = restored(quantize(GetParam(), once, shape));
    for (std::size_t i = 0; i < w.size(); ++i)
      ASSERT_NEAR(twice[i], once[i], 1e-5 * std::fabs(once[i])) << w[i];
  }
}

TEST_P(PlainFormats, RowsDoNotDependOnEachOther) {
  std::mt19937 generator(13);
  const Shape2 shape{9, 66};
  const std::vector<float> w = random_weight(shape, generator);
  const std::vector<float> all = restored(quantize(GetParam(), w, shape));
  for (std::int64_t r = 0; r < shape.out; ++r) {
    const auto begin = w.begin() + r * shape.in;
    const std::vector<float> one =
        restored(quantize(GetParam(), {begin, begin + shape.in}, {1, shape.in}));
    for (std::int64_t j = 0; j < shape.in; ++j)
      ASSERT_EQ(one[static_cast<std::size_t>(j)], all[static_cast<std::size_t>(r * shape.in + j)]);
  }
}

TEST_P(Formats, DamagedWeightsAreRefused) {
  std::mt19937 generator(14);
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()})
    for (const Shape2& shape : {Shape2{1, 2}, Shape2{7, 34}, Shape2{33, 96}})
      for (std::size_t at : {std::size_t{0}, static_cast<std::size_t>(shape.out * shape.in - 1)}) {
        std::vector<float> w = random_weight(shape, generator);
        w[at] = bad;
        for (DType dtype : {DType::kF32, DType::kBF16})
          EXPECT_THROW(quantize(GetParam(), w, shape, dtype), DataError);
      }
}

std::string name_of(const testing::TestParamInfo<Format>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(All, Formats, testing::ValuesIn(kFormats), name_of);
INSTANTIATE_TEST_SUITE_P(Plain, PlainFormats, testing::ValuesIn(plain_formats()), name_of);

// ssz never ends with a larger squared error than the scale it starts from.
TEST(Ssz, IsNeverWorseThanMinmax) {
  std::mt19937 generator(15);
  for (const Shape2& shape : {Shape2{1, 1}, Shape2{1, 40}, Shape2{12, 129}}) {
    const std::vector<float> w = random_weight(shape, generator);
    for (int bits : {4, 8}) {
      const auto error = [&](const char* method) {
        const Format format{"", LinearType::kW8A8Dynamic, bits, method};
        const std::vector<float> back = restored(quantize(format, w, shape));
        std::vector<double> rows(static_cast<std::size_t>(shape.out));
        for (std::size_t i = 0; i < w.size(); ++i) {
          const double d = static_cast<double>(back[i]) - static_cast<double>(w[i]);
          rows[i / static_cast<std::size_t>(shape.in)] += d * d;
        }
        return rows;
      };
      const auto minmax = error("minmax");
      const auto ssz = error("ssz");
      for (std::size_t r = 0; r < ssz.size(); ++r)
        EXPECT_LE(ssz[r], minmax[r] * 1.0001 + 1e-30) << shape.in << " " << r;
    }
  }
}

TEST(IntegerParam, CoversEveryRange) {
  std::mt19937 generator(16);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 2000; ++round) {
    const float size = std::ldexp(1.0F, static_cast<int>(generator() % 60) - 30);
    float lo = normal(generator) * size;
    float hi = normal(generator) * size;
    if (lo > hi) std::swap(lo, hi);
    for (bool symmetric : {true, false})
      for (int bits : {4, 8}) {
        const QuantParam p = integer_param(lo, hi, symmetric, bits, DType::kF32);
        const float half = bits == 8 ? 128.0F : 8.0F;
        ASSERT_GT(p.scale, 0.0F);
        ASSERT_EQ(p.offset, std::nearbyint(p.offset));
        for (float x : {lo, hi, 0.0F, (lo + hi) / 2}) {
          const float code = std::clamp(std::nearbyint(x / p.scale + p.offset), -half, half - 1);
          const float back = (code - p.offset) * p.scale;
          // An end of an asymmetric range may lose half a step more to the rounded offset.
          ASSERT_LE(std::fabs(back - x), p.scale * (symmetric ? 0.501F : 1.001F))
              << lo << " " << hi << " " << x;
        }
        ASSERT_EQ((std::clamp(std::nearbyint(p.offset), -half, half - 1) - p.offset) * p.scale, 0);
      }
  }
}

}  // namespace
}  // namespace msmodelslim
