// What a damaged folder of codes says; that good ones are read is convert_model_test's.
#include "checkpoint/ascendv1_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/shard_writer.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

class AscendV1Source : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = temp_path("ascendv1_source");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string error_of(const std::string& type, const std::map<std::string, Tensor>& tensors) {
    std::ofstream(folder_ + "/quant_model_description.json")
        << "{\"a.weight\": \"" << type << "\"}";
    std::vector<NamedTensor> list;
    for (const auto& [name, tensor] : tensors) list.push_back({name, tensor.view()});
    write_safetensors(folder_ + "/quant_model_weights.safetensors", list);
    try {
      open_ascendv1_source(folder_, DType::kF32);
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  std::string folder_;
};

TEST_F(AscendV1Source, TakesTwoLevelsOfScalesThatFit) {
  std::map<std::string, Tensor> tensors;
  tensors["a.weight"] = Tensor(DType::kI8, {4, 4});
  tensors["a.weight_scale"] = Tensor(DType::kF32, {4, 1});
  tensors["a.weight_scale_second"] = Tensor(DType::kF32, {4, 2});
  EXPECT_EQ(error_of("W4A8_DYNAMIC", tensors), "no error");
}

TEST_F(AscendV1Source, RefusesOuterScalesThatDoNotFitTheRows) {
  std::map<std::string, Tensor> tensors;
  tensors["a.weight"] = Tensor(DType::kI8, {4, 4});
  tensors["a.weight_scale"] = Tensor(DType::kF32, {3, 1});
  tensors["a.weight_scale_second"] = Tensor(DType::kF32, {4, 2});
  EXPECT_THAT(error_of("W4A8_DYNAMIC", tensors),
              HasSubstr("a.weight_scale is [3, 1], which does not fit 4 rows"));
}

TEST_F(AscendV1Source, RefusesInnerScalesThatAreNoFloats) {
  std::map<std::string, Tensor> tensors;
  tensors["a.weight"] = Tensor(DType::kI8, {4, 4});
  tensors["a.weight_scale"] = Tensor(DType::kF32, {4, 1});
  tensors["a.weight_scale_second"] = Tensor(DType::kI64, {4, 2});
  EXPECT_THAT(error_of("W4A8_DYNAMIC", tensors),
              HasSubstr("a.weight_scale_second is I64, expected scales"));
}

TEST_F(AscendV1Source, RefusesAScaleOfInputsWithoutAValue) {
  std::map<std::string, Tensor> tensors;
  tensors["a.weight"] = Tensor(DType::kI8, {4, 4});
  tensors["a.deq_scale"] = Tensor(DType::kI64, {4});
  tensors["a.input_scale"] = Tensor(DType::kF32, {0});
  EXPECT_THAT(error_of("W8A8", tensors), HasSubstr("a.input_scale is empty"));
}

}  // namespace
}  // namespace msmodelslim
