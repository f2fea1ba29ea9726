// Worked examples of the formats reference, section 3.2, and T-29.
#include "save/linear_tensors.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "save/v0_tensors.h"

namespace msmodelslim {
namespace {

// Copies what a test needs twice.
QuantizedLinear copy_of(const QuantizedLinear& linear) {
  QuantizedLinear copy;
  copy.spec = linear.spec;
  copy.type = linear.type;
  copy.codes = Tensor::copy_of(linear.codes.view());
  copy.weight_scale = linear.weight_scale;
  copy.input = linear.input;
  copy.tensor_scale = linear.tensor_scale;
  copy.bias = linear.bias;
  return copy;
}

QuantizedLinear linear_of(LinearType type, std::vector<int> codes, std::int64_t n, std::int64_t k,
                          Role role = Role::kGate) {
  QuantizedLinear linear;
  linear.spec = {"model.layers.0.mlp.gate_proj", k, n, false, role, ""};
  linear.type = type;
  linear.codes = Tensor(DType::kI8, {n, k});
  for (std::size_t i = 0; i < codes.size(); ++i)
    linear.codes.as<std::int8_t>()[i] = static_cast<std::int8_t>(codes[i]);
  return linear;
}

const Tensor& tensor(const std::vector<OutputTensor>& all, const std::string& suffix) {
  for (const OutputTensor& t : all)
    if (t.name.ends_with("." + suffix)) return t.tensor;
  throw std::runtime_error("no " + suffix);
}

TEST(AscendV1Tensors, StaticW8A8) {
  QuantizedLinear linear = linear_of(LinearType::kW8A8, {12, -34, 56, -78, 90, -12, 34, -56}, 2, 4);
  linear.weight_scale = {0.01F, 0.02F};
  linear.input = {0.05F, 3.0F};
  linear.bias = {0.5F, -0.25F};
  const auto half = ascendv1_tensors(copy_of(linear), DType::kF16);
  EXPECT_EQ(tensor(half, "quant_bias").as<std::int32_t>()[0], 1132);
  EXPECT_EQ(tensor(half, "quant_bias").as<std::int32_t>()[1], -418);
  EXPECT_EQ(tensor(half, "deq_scale").dtype(), DType::kI64);
  EXPECT_EQ(tensor(half, "deq_scale").as<std::int64_t>()[0], 973279855);
  EXPECT_EQ(tensor(half, "deq_scale").as<std::int64_t>()[1], 981668463);
  EXPECT_EQ(tensor(half, "input_scale").as<float>()[0], 0.05F);
  EXPECT_EQ(tensor(half, "input_offset").as<float>()[0], 3.0F);
  std::vector<std::string> names;
  for (const auto& t : half) names.push_back(t.name.substr(t.name.rfind('.') + 1));
  EXPECT_EQ(names, (std::vector<std::string>{"weight", "quant_bias", "input_scale", "input_offset",
                                             "deq_scale", "bias"}));
  EXPECT_EQ(half.back().type, LinearType::kFloat);
  const auto brain = ascendv1_tensors(copy_of(linear), DType::kBF16);
  EXPECT_EQ(tensor(brain, "deq_scale").dtype(), DType::kF32);
}

TEST(AscendV1Tensors, QuantBiasIsClampedForAZeroRow) {
  QuantizedLinear linear = linear_of(LinearType::kW8A8, {0, 0}, 1, 2);
  linear.weight_scale = {0x1p-23F};
  linear.input = {1e-3F, 0.0F};
  linear.bias = {1.0F};
  const auto all = ascendv1_tensors(copy_of(linear), DType::kBF16);
  EXPECT_EQ(tensor(all, "quant_bias").as<std::int32_t>()[0], 2147483647);
}

TEST(AscendV1Tensors, W4A8PacksRowsAndSumsScaleBias) {
  QuantizedLinear linear = linear_of(LinearType::kW4A8Dynamic, {1, -2, 3, -4, 5, -6, 7, -8}, 2, 4);
  linear.weight_scale = {0.5F, 0.25F};
  const auto all = ascendv1_tensors(copy_of(linear), DType::kF32);
  const auto* packed = tensor(all, "weight").as<std::int8_t>();
  EXPECT_EQ(std::vector<int>(packed, packed + 4), (std::vector<int>{81, -82, 115, -116}));
  EXPECT_EQ(tensor(all, "scale_bias").shape(), Shape({2, 1}));
  EXPECT_EQ(tensor(all, "scale_bias").as<float>()[0], -8.0F);
  EXPECT_EQ(tensor(all, "scale_bias").as<float>()[1], -4.0F);
  EXPECT_THROW(ascendv1_tensors(linear_of(LinearType::kW4A8Dynamic, {1, 2}, 1, 2), DType::kF32),
               DataError);
}

// Every pair of nibbles comes back, for any even number of rows and any width.
TEST(AscendV1Tensors, W4A8PackingLosesNothing) {
  std::mt19937 generator(4);
  for (std::int64_t n : {2, 4, 34})
    for (std::int64_t k : {1, 3, 16, 33, 256}) {
      std::vector<int> codes(static_cast<std::size_t>(n * k));
      for (int& code : codes) code = static_cast<int>(generator() % 16) - 8;
      QuantizedLinear linear = linear_of(LinearType::kW4A8Dynamic, codes, n, k);
      linear.weight_scale.assign(static_cast<std::size_t>(n), 0.25F);
      const auto all = ascendv1_tensors(std::move(linear), DType::kF32);
      ASSERT_EQ(tensor(all, "weight").shape(), Shape({n / 2, k}));
      const auto* bytes = tensor(all, "weight").as<std::int8_t>();
      for (std::int64_t r = 0; r < n; ++r) {
        int sum = 0;
        for (std::int64_t j = 0; j < k; ++j) {
          const int byte = bytes[r / 2 * k + j];
          const int low = (byte & 15) >= 8 ? (byte & 15) - 16 : byte & 15;
          const int code = codes[static_cast<std::size_t>(r * k + j)];
          ASSERT_EQ(r % 2 == 0 ? low : byte >> 4, code);
          sum += code;
        }
        ASSERT_EQ(tensor(all, "scale_bias").as<float>()[r], 8 * 0.25F * static_cast<float>(sum));
      }
    }
}

TEST(AscendV1Tensors, ScaleBiasOfRowParallelLinearsIsCutIntoSixteen) {
  QuantizedLinear linear =
      linear_of(LinearType::kW4A8Dynamic, std::vector<int>(64, 1), 2, 32, Role::kDown);
  linear.weight_scale = {1, 0.5F};
  const auto all = ascendv1_tensors(std::move(linear), DType::kF32);
  ASSERT_EQ(tensor(all, "scale_bias").shape(), Shape({2, 16}));
  for (std::int64_t i = 0; i < 32; ++i)
    EXPECT_EQ(tensor(all, "scale_bias").as<float>()[i], i < 16 ? 16 : 8);
  QuantizedLinear narrow = linear_of(LinearType::kW4A8Dynamic, {1, 2, 3, 4}, 2, 2, Role::kDown);
  narrow.weight_scale = {1, 1};
  EXPECT_THROW(ascendv1_tensors(std::move(narrow), DType::kF32), DataError);
}

TEST(AscendV1Tensors, ALowRankBranchComesFirst) {
  QuantizedLinear linear = linear_of(LinearType::kW8A8Dynamic, {1, 2, 3, 4, 5, 6}, 2, 3);
  linear.weight_scale = {1, 1};
  linear.low_rank = {1, {1, 2, 3}, {4, 5}};
  linear.bias = {0, 0};
  const auto all = ascendv1_tensors(std::move(linear), DType::kBF16);
  std::vector<std::string> names;
  for (const auto& t : all) names.push_back(t.name.substr(t.name.rfind('.') + 1));
  EXPECT_EQ(names, (std::vector<std::string>{"svd_lowrank_l1", "svd_lowrank_l2", "weight",
                                             "weight_scale", "weight_offset", "bias"}));
  EXPECT_EQ(all[0].tensor.shape(), Shape({1, 3}));
  EXPECT_EQ(all[1].tensor.shape(), Shape({2, 1}));
  EXPECT_EQ(all[0].tensor.dtype(), DType::kBF16);
  EXPECT_EQ(all[0].type, LinearType::kFloat);
}

TEST(AscendV1Tensors, SparseWeightsKeepTheirDtypeAndGiveTheBiasTheirType) {
  QuantizedLinear linear;
  linear.spec = {"model.layers.0.mlp.gate_proj", 2, 1, true, Role::kGate, ""};
  linear.type = LinearType::kW16A16S;
  linear.codes = from_f32(std::vector<float>{0.5F, 0}.data(), {1, 2}, DType::kF16);
  linear.bias = {1};
  const auto all = ascendv1_tensors(std::move(linear), DType::kF16);
  ASSERT_EQ(all.size(), 2U);
  for (const auto& t : all) {
    EXPECT_EQ(t.tensor.dtype(), DType::kF16);
    EXPECT_EQ(t.type, LinearType::kW16A16S);
  }
}

TEST(AscendV1Tensors, W4A4IsNotPacked) {
  QuantizedLinear linear = linear_of(LinearType::kW4A4Dynamic, {7, -8, 0, 1, -1, 3, 2, -7}, 2, 4);
  linear.group_size = 2;
  linear.weight_scale = {0.5F, -0.25F, 1, 2};
  const auto all = ascendv1_tensors(std::move(linear), DType::kBF16);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(tensor(all, "weight").shape(), (Shape{2, 4}));
  EXPECT_EQ(tensor(all, "weight").as<std::int8_t>()[1], -8);
  EXPECT_EQ(tensor(all, "weight_scale").shape(), (Shape{2, 2}));
  EXPECT_EQ(tensor(all, "weight_scale").as<float>()[1], -0.25F);
  EXPECT_EQ(tensor(all, "weight_offset").shape(), (Shape{2, 2}));
  EXPECT_EQ(tensor(all, "weight_offset").as<float>()[3], 0.0F);
  for (const OutputTensor& t : all) EXPECT_EQ(t.type, LinearType::kW4A4Dynamic);
}

TEST(V0Tensors, HaveWeightScalesToo) {
  QuantizedLinear linear = linear_of(LinearType::kW8A8, {1, 2}, 1, 2);
  linear.weight_scale = {0.01F};
  linear.input = {0.05F, 3.0F};
  std::vector<std::string> names;
  for (const auto& t : v0_tensors(copy_of(linear), DType::kBF16, false)) {
    names.push_back(t.name.substr(t.name.rfind('.') + 1));
    if (names.back() == "weight_scale") {
      EXPECT_EQ(t.tensor.dtype(), DType::kBF16);
    }
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"weight", "weight_scale", "weight_offset", "input_scale",
                                      "input_offset", "quant_bias", "deq_scale"}));
}

TEST(V0Tensors, OneScalePerTensor) {
  QuantizedLinear linear = linear_of(LinearType::kW8A8, {1, 2, 3, 4}, 2, 2);
  linear.weight_scale = {0.01F, 0.01F};
  linear.tensor_scale = true;
  const auto all = v0_tensors(std::move(linear), DType::kF32, false);
  EXPECT_EQ(tensor(all, "weight_scale").shape(), (Shape{1}));
  EXPECT_EQ(tensor(all, "weight_offset").shape(), (Shape{1}));
  EXPECT_EQ(tensor(all, "deq_scale").shape(), (Shape{1}));
  EXPECT_EQ(tensor(all, "quant_bias").shape(), (Shape{2}));
}

TEST(V0Tensors, Int4WithoutGroupsGoesInPairsOfColumns) {
  QuantizedLinear linear = linear_of(LinearType::kW4A16, {1, -2, 3, 4}, 1, 4);
  linear.weight_scale = {0.5F};
  const auto all = v0_tensors(copy_of(linear), DType::kF32, false);
  EXPECT_EQ(tensor(all, "weight").shape(), (Shape{1, 2}));
  EXPECT_EQ(tensor(all, "weight").as<std::int8_t>()[0], static_cast<std::int8_t>(0xe1));
  EXPECT_EQ(tensor(all, "weight").as<std::int8_t>()[1], 0x43);
  const auto old = v0_tensors(copy_of(linear), DType::kF32, true);
  EXPECT_EQ(tensor(old, "weight").shape(), (Shape{1, 4}));
}

}  // namespace
}  // namespace msmodelslim
