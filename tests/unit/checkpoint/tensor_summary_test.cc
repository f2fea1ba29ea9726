#include "checkpoint/tensor_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

Tensor floats(const std::vector<float>& values) {
  return from_f32(values.data(), {static_cast<std::int64_t>(values.size())}, DType::kF32);
}

TEST(TensorSummary, CountsAndMoments) {
  const ValueSummary v = summarize(floats({-1, 0, 3, NAN, INFINITY, 2}).view());
  EXPECT_EQ(v.min, -1);
  EXPECT_EQ(v.max, 3);
  EXPECT_EQ(v.mean, 1);
  EXPECT_NEAR(v.std, std::sqrt(14.0 / 4 - 1), 1e-12);
  EXPECT_EQ(v.zeros, 1);
  EXPECT_EQ(v.not_finite, 2);
}

TEST(TensorSummary, ReadsEveryType) {
  const auto of_bytes = [](DType dtype, std::vector<int> bytes) {
    Tensor tensor(dtype, {static_cast<std::int64_t>(bytes.size() / dtype_size(dtype))});
    for (std::size_t i = 0; i < bytes.size(); ++i)
      tensor.bytes()[i] = static_cast<std::byte>(bytes[i]);
    return summarize(tensor.view());
  };
  EXPECT_EQ(of_bytes(DType::kI8, {0xff, 0x7f}).min, -1);
  EXPECT_EQ(of_bytes(DType::kU8, {0xff, 0x7f}).max, 255);
  EXPECT_EQ(of_bytes(DType::kI32, {0, 0, 0, 0x80}).min, -2147483648.0);
  EXPECT_EQ(of_bytes(DType::kI64, {1, 0, 0, 0, 1, 0, 0, 0}).max, 4294967297.0);
  EXPECT_EQ(of_bytes(DType::kF8E4M3, {0x7e, 0x38}).max, 448);
  EXPECT_EQ(of_bytes(DType::kF8E5M2, {0x7b, 0xbc}).max, 57344);
  EXPECT_EQ(of_bytes(DType::kF8E5M2, {0x7b, 0xbc}).min, -1);
  EXPECT_EQ(of_bytes(DType::kF8E8M0, {127, 130}).max, 8);
  EXPECT_EQ(of_bytes(DType::kBF16, {0x80, 0x3f}).max, 1);
}

TEST(TensorSummary, DifferencesOfValuesAndOfTypes) {
  const Tensor a = floats({1, 2, 3, 4});
  const Tensor b = floats({1, 2.5, 3, 2});
  EXPECT_EQ(difference(a.view(), a.view()).different, 0);
  const ValueDifference d = difference(a.view(), b.view());
  EXPECT_EQ(d.different, 2);
  EXPECT_EQ(d.max, 2);
  EXPECT_EQ(d.mean, 2.5 / 4);
  const std::vector<float> values = {1, 2.5, 3, 2};
  const Tensor half = from_f32(values.data(), {4}, DType::kBF16);
  EXPECT_EQ(difference(half.view(), b.view()).different, 0);
  EXPECT_TRUE(std::isnan(difference(floats({NAN}).view(), floats({1}).view()).max));
}

TEST(TensorSummary, FoldersFilesAndNames) {
  const std::string folder = golden_dir() + "/models/qwen2";
  const TensorList list(folder);
  ASSERT_NE(list.find("model.norm.weight"), nullptr);
  EXPECT_EQ(list.find("model.norm"), nullptr);
  const TensorList file(folder + "/" + list.items().front().file);
  EXPECT_EQ(file.items().size(), list.items().size());
  EXPECT_EQ(file.bytes(), list.bytes());
  EXPECT_THROW(TensorList("/nowhere"), UsageError);
  EXPECT_EQ(without_numbers("model.layers.17.mlp.experts.3.up_proj.w1"),
            "model.layers.*.mlp.experts.*.up_proj.w1");
}

}  // namespace
}  // namespace msmodelslim
