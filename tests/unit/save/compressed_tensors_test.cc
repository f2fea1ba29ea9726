#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "save/compressed_tensors_saver.h"

namespace msmodelslim {
namespace {

QuantizedLinear linear_of(LinearType type) {
  QuantizedLinear linear;
  linear.spec = {"m.q_proj", 4, 2, true, Role::kQuery, ""};
  linear.type = type;
  linear.codes = Tensor(DType::kI8, {2, 4});
  for (int i = 0; i < 8; ++i) linear.codes.as<std::int8_t>()[i] = static_cast<std::int8_t>(i - 4);
  linear.weight_scale = {0.5F, 0.25F};
  linear.bias = {1.0F, -2.0F};
  return linear;
}

std::vector<OutputTensor> tensors_of(QuantizedLinear linear, DType dtype = DType::kF32) {
  CompressedScheme scheme = *compressed_scheme(linear.type, linear.group_size);
  scheme.symmetric = linear.weight_offset.empty();
  scheme.input_symmetric = linear.input_symmetric;
  return compressed_tensors(std::move(linear), scheme, dtype);
}

std::string summary(const std::vector<OutputTensor>& tensors) {
  std::string text;
  for (const OutputTensor& t : tensors)
    text += t.name + " " + std::string(dtype_name(t.tensor.dtype())) + " " +
            shape_text(t.tensor.shape()) + "; ";
  return text;
}

TEST(CompressedTensors, StaticInputs) {
  QuantizedLinear linear = linear_of(LinearType::kW8A8);
  linear.input = {0.125F, -5.0F};
  const auto tensors = tensors_of(std::move(linear), DType::kBF16);
  EXPECT_EQ(summary(tensors),
            "m.q_proj.weight I8 [2, 4]; m.q_proj.weight_scale BF16 [2, 1]; "
            "m.q_proj.bias BF16 [2]; m.q_proj.input_scale F32 [1]; "
            "m.q_proj.input_zero_point I8 [1]; ");
  EXPECT_EQ(*tensors[3].tensor.as<float>(), 0.125F);
  EXPECT_EQ(*tensors[4].tensor.as<std::int8_t>(), -5);
  QuantizedLinear symmetric = linear_of(LinearType::kW8A8);
  symmetric.input_symmetric = true;
  EXPECT_EQ(tensors_of(std::move(symmetric)).size(), 4U);
}

TEST(CompressedTensors, DynamicInputs) {
  EXPECT_EQ(summary(tensors_of(linear_of(LinearType::kW8A8Dynamic), DType::kF16)),
            "m.q_proj.weight I8 [2, 4]; m.q_proj.weight_scale F16 [2, 1]; m.q_proj.bias F16 [2]; ");
}

TEST(CompressedTensors, WeightsAloneArePacked) {
  QuantizedLinear linear = linear_of(LinearType::kW4A16);
  linear.group_size = 2;
  linear.weight_scale = {0.5F, 0.25F, 1.0F, 2.0F};
  linear.weight_offset = {-8, 7, 0, 1};
  const auto tensors = tensors_of(std::move(linear));
  EXPECT_EQ(summary(tensors),
            "m.q_proj.weight_packed I32 [2, 1]; m.q_proj.weight_scale F32 [2, 2]; "
            "m.q_proj.weight_zero_point I32 [1, 2]; m.q_proj.weight_shape I64 [2]; "
            "m.q_proj.bias F32 [2]; ");
  EXPECT_EQ(tensors[0].tensor.as<std::uint32_t>()[0], 0x7654U);
  EXPECT_EQ(tensors[0].tensor.as<std::uint32_t>()[1], 0xBA98U);
  EXPECT_EQ(tensors[2].tensor.as<std::uint32_t>()[0], 0x80U);  // -8 and 0: a column
  EXPECT_EQ(tensors[2].tensor.as<std::uint32_t>()[1], 0x9FU);
  EXPECT_EQ(tensors[3].tensor.as<std::int64_t>()[0], 2);
  EXPECT_EQ(tensors[3].tensor.as<std::int64_t>()[1], 4);
  const auto eight = tensors_of(linear_of(LinearType::kW8A16));
  EXPECT_EQ(eight[0].tensor.as<std::uint32_t>()[0], 0x7F7E7D7CU);
}

TEST(CompressedTensors, WhatHasNoFormIsRefused) {
  const std::string folder = testing::TempDir() + "compressed_saver_" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  CompressedTensorsSaver saver(folder, 0, DType::kF32);
  EXPECT_THROW(saver.write(linear_of(LinearType::kW4A8Dynamic)), UsageError);
  QuantizedLinear grouped = linear_of(LinearType::kW8A8Dynamic);
  grouped.group_size = 2;
  EXPECT_THROW(saver.write(std::move(grouped)), UsageError);
  QuantizedLinear asymmetric = linear_of(LinearType::kW8A8Dynamic);
  asymmetric.weight_offset = {1, 2};
  EXPECT_THROW(saver.write(std::move(asymmetric)), UsageError);
  EXPECT_THROW(saver.write(ModuleTensor{"m", "m.kv_scale", Tensor(), LinearType::kFloat}),
               UsageError);
  std::filesystem::remove_all(folder);
}

QuantizedLinear mx_linear(LinearType type) {
  QuantizedLinear linear;
  linear.spec = {"m.q_proj", 64, 2, false, Role::kQuery, ""};
  linear.type = type;
  const bool fp4 = type != LinearType::kMxFp8;
  linear.codes = Tensor(fp4 ? DType::kU8 : DType::kF8E4M3, {2, fp4 ? 32 : 64});
  linear.exponents = {120, 121, 122, 123};
  return linear;
}

TEST(CompressedTensors, FloatingPointCodes) {
  QuantizedLinear fp8 = linear_of(LinearType::kFp8Dynamic);
  fp8.codes = Tensor(DType::kF8E4M3, {2, 4});
  EXPECT_EQ(summary(tensors_of(std::move(fp8), DType::kBF16)),
            "m.q_proj.weight F8_E4M3 [2, 4]; m.q_proj.weight_scale BF16 [2, 1]; "
            "m.q_proj.bias BF16 [2]; ");
  EXPECT_EQ(summary(tensors_of(mx_linear(LinearType::kMxFp8))),
            "m.q_proj.weight F8_E4M3 [2, 64]; m.q_proj.weight_scale U8 [2, 2]; ");
  EXPECT_EQ(summary(tensors_of(mx_linear(LinearType::kW4A8MxFp))),
            "m.q_proj.weight_packed U8 [2, 32]; m.q_proj.weight_scale U8 [2, 2]; ");
}

// What the configuration says is read back as it was.
TEST(CompressedTensors, FloatingPointConfigIsReadBack) {
  for (const LinearType type :
       {LinearType::kFp8Dynamic, LinearType::kMxFp8, LinearType::kMxFp4, LinearType::kW4A8MxFp}) {
    const CompressedScheme scheme = *compressed_scheme(type, 0);
    const Json json = compressed_config_json({{scheme, {"m.q_proj"}}}, {});
    EXPECT_EQ(CompressedConfig::parse(json, "test").scheme_of("m.q_proj"), scheme);
  }
}

}  // namespace
}  // namespace msmodelslim
