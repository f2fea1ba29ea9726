#include "checkpoint/source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "checkpoint/pack_int32.h"
#include "shared_data.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

class Source : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = temp_path("source");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void add(const std::string& name, Tensor tensor) { tensors_[name] = std::move(tensor); }
  CheckpointReader open(const std::string& config = "{}") {
    std::ofstream(folder_ + "/config.json") << config;
    std::vector<NamedTensor> list;
    for (const auto& [name, tensor] : tensors_) list.push_back({name, tensor.view()});
    write_safetensors(folder_ + "/model.safetensors", list);
    return open_source(folder_);
  }
  std::string error_of(const std::string& config = "{}") {
    try {
      open(config);
    } catch (const DataError& error) {
      EXPECT_FALSE(error.remedy().empty());
      return error.what();
    }
    return "no error";
  }

  std::string folder_;
  std::map<std::string, Tensor> tensors_;
};

template <typename T>
Tensor filled(DType dtype, const Shape& shape, T (*value)(std::int64_t)) {
  Tensor tensor(dtype, shape);
  for (std::int64_t i = 0; i < tensor.count(); ++i) tensor.as<T>()[i] = value(i);
  return tensor;
}

std::vector<float> values_of(const CheckpointReader& reader, const std::string& name) {
  Tensor owned;
  const TensorView view = reader.source(name).whole(owned);
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  to_f32(view, values.data());
  return values;
}

std::uint8_t exponent(std::int64_t i) { return static_cast<std::uint8_t>(120 + i % 9); }
std::uint8_t any_byte(std::int64_t i) { return static_cast<std::uint8_t>(i * 37 % 120); }
std::uint8_t any_code(std::int64_t i) { return static_cast<std::uint8_t>(i * 29 % 256); }
float any_scale(std::int64_t i) { return 0.25F + 0.125F * static_cast<float>(i); }

// DeepSeek: blocks of 128 x 128, the last ones partial.
TEST_F(Source, ReadsFp8InBlocks) {
  add("a.weight", filled<std::uint8_t>(DType::kF8E4M3, {130, 200}, any_byte));
  add("a.weight_scale_inv", filled<float>(DType::kF32, {2, 2}, any_scale));
  add("a.bias", filled<float>(DType::kF32, {130}, any_scale));
  const CheckpointReader reader = open(
      R"({"torch_dtype":"bfloat16","quantization_config":{"quant_method":"fp8","weight_block_size":[128,128]}})");
  EXPECT_EQ(reader.names(), (std::vector<std::string>{"a.bias", "a.weight"}));
  EXPECT_FALSE(reader.has("a.weight_scale_inv"));
  EXPECT_EQ(reader.source("a.weight").dtype(), DType::kBF16);
  EXPECT_THROW(reader.at("a.weight"), DataError);
  const std::vector<float> values = values_of(reader, "a.weight");
  for (std::int64_t r = 0; r < 130; ++r)
    for (std::int64_t c = 0; c < 200; ++c) {
      const float scale = any_scale(r / 128 * 2 + c / 128);
      ASSERT_EQ(values[static_cast<std::size_t>(r * 200 + c)],
                round_to_bf16(e4m3_to_f32(any_byte(r * 200 + c)) * scale));
    }
}

// Step-3.5: the experts of a projection are one tensor.
TEST_F(Source, ReadsStacksOfExperts) {
  const std::string step = R"({"model_type":"step3p5","torch_dtype":"bfloat16"})";
  add("l.moe.up_proj.weight", filled<std::uint8_t>(DType::kF8E4M3, {3, 130, 4}, any_byte));
  add("l.moe.up_proj.weight_scale_inv", filled<float>(DType::kF32, {3, 2, 1}, any_scale));
  add("l.moe.gate_proj.weight", filled<float>(DType::kF32, {2, 3, 4}, any_scale));
  const CheckpointReader reader = open(step);
  EXPECT_THAT(reader.names(), testing::UnorderedElementsAre("l.moe.experts.0.gate_proj.weight",
                                                            "l.moe.experts.1.gate_proj.weight",
                                                            "l.moe.experts.0.up_proj.weight",
                                                            "l.moe.experts.1.up_proj.weight",
                                                            "l.moe.experts.2.up_proj.weight"));
  const std::vector<float> coded = values_of(reader, "l.moe.experts.1.up_proj.weight");
  const std::vector<float> plain = values_of(reader, "l.moe.experts.1.gate_proj.weight");
  for (std::int64_t i = 0; i < 520; ++i)
    ASSERT_EQ(coded[static_cast<std::size_t>(i)],
              round_to_bf16(e4m3_to_f32(any_byte(520 + i)) * any_scale(2 + i / 512)));
  for (std::int64_t i = 0; i < 12; ++i)
    EXPECT_EQ(plain[static_cast<std::size_t>(i)], any_scale(12 + i));
  add("l.moe.up_proj.weight_scale_inv", filled<float>(DType::kF32, {2, 2, 1}, any_scale));
  EXPECT_THAT(error_of(step), HasSubstr("l.moe.up_proj.weight_scale_inv"));
}

TEST_F(Source, ReadsScalesOfRowsAndTensors) {
  add("rows.weight", filled<std::uint8_t>(DType::kF8E4M3, {3, 20}, any_byte));
  add("rows.weight_scale", filled<float>(DType::kF32, {3, 1}, any_scale));
  add("rows.input_scale", filled<float>(DType::kF32, {1}, any_scale));
  add("whole.weight", filled<std::uint8_t>(DType::kF8E4M3, {3, 20}, any_byte));
  add("whole.weight_scale", filled<float>(DType::kF32, {}, any_scale));
  const CheckpointReader reader = open(R"({"dtype":"float32"})");
  EXPECT_EQ(reader.names(), (std::vector<std::string>{"rows.weight", "whole.weight"}));
  for (std::int64_t i = 0; i < 60; ++i) {
    const float code = e4m3_to_f32(any_byte(i));
    EXPECT_EQ(values_of(reader, "rows.weight")[static_cast<std::size_t>(i)],
              code * any_scale(i / 20));
    EXPECT_EQ(values_of(reader, "whole.weight")[static_cast<std::size_t>(i)], code * any_scale(0));
  }
}

// Kimi-K2: groups of 32 columns, eight codes a word.
TEST_F(Source, ReadsPackedInt4) {
  Tensor codes(DType::kI8, {4, 64});
  for (std::int64_t i = 0; i < codes.count(); ++i)
    codes.as<std::int8_t>()[i] = static_cast<std::int8_t>(i % 16 - 8);
  add("a.weight_packed", pack_rows_int32(codes, 4));
  add("a.weight_scale", filled<float>(DType::kF32, {4, 2}, any_scale));
  Tensor shape(DType::kI64, {2});
  shape.as<std::int64_t>()[0] = 4;
  shape.as<std::int64_t>()[1] = 64;
  add("a.weight_shape", std::move(shape));
  const CheckpointReader reader =
      open(R"({"text_config":{"quantization_config":{"quant_method":"compressed-tensors"}}})");
  EXPECT_EQ(reader.names(), (std::vector<std::string>{"a.weight"}));
  const std::vector<float> values = values_of(reader, "a.weight");
  for (std::int64_t i = 0; i < 256; ++i)
    EXPECT_EQ(values[static_cast<std::size_t>(i)],
              round_to_bf16(static_cast<float>(i % 16 - 8) * any_scale(i / 32)));
}

TEST_F(Source, ReadsZeroPoints) {
  add("a.weight", filled<std::uint8_t>(DType::kI8, {2, 16}, any_code));
  add("a.weight_scale", filled<float>(DType::kF32, {2, 1}, any_scale));
  Tensor zero(DType::kI8, {2, 1});
  zero.as<std::int8_t>()[0] = -3;
  zero.as<std::int8_t>()[1] = 5;
  add("a.weight_zero_point", std::move(zero));
  const CheckpointReader reader = open(R"({"dtype":"float32"})");
  const std::vector<float> values = values_of(reader, "a.weight");
  EXPECT_EQ(values[1], (29.0F + 3.0F) * any_scale(0));
  EXPECT_EQ(values[16],
            (static_cast<float>(static_cast<std::int8_t>(any_code(16))) - 5.0F) * any_scale(1));
}

// DeepSeek-V4: two codes a byte, exponents as scales.
TEST_F(Source, ReadsFp4WithExponents) {
  add("a.weight", filled<std::uint8_t>(DType::kI8, {2, 32}, any_code));
  add("a.scale", filled<std::uint8_t>(DType::kF8E8M0, {2, 2}, [](std::int64_t i) {
        return static_cast<std::uint8_t>(126 + i);
      }));
  const CheckpointReader reader = open();
  EXPECT_EQ(reader.source("a.weight").shape(), (Shape{2, 64}));
  const std::vector<float> values = values_of(reader, "a.weight");
  constexpr std::array<float, 8> kSizes = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (std::int64_t i = 0; i < 128; ++i) {
    const int byte = any_code(i / 2);
    const int code = i % 2 == 0 ? byte & 15 : byte >> 4;
    const float size =
        kSizes[static_cast<std::size_t>(code & 7)] * std::ldexp(1.0F, static_cast<int>(i / 32) - 1);
    EXPECT_EQ(values[static_cast<std::size_t>(i)], (code & 8) != 0 ? -size : size) << i;
  }
}

TEST_F(Source, RefusesByName) {
  EXPECT_THAT(error_of(R"({"quantization_config":{"quant_method":"gptq"}})"), HasSubstr("gptq"));
  EXPECT_THAT(error_of(R"({"quantization_config":{"bits":4}})"), HasSubstr("without a name"));
  add("a.qweight", Tensor(DType::kI32, {2, 2}));
  EXPECT_THAT(error_of(), HasSubstr("GPTQ or AWQ (tensor a.qweight)"));
}

TEST_F(Source, RefusesWhatDoesNotFit) {
  add("a.weight", filled<std::uint8_t>(DType::kF8E4M3, {130, 200}, any_byte));
  EXPECT_THAT(error_of(), HasSubstr("there is no a.weight_scale_inv"));
  add("a.weight_scale_inv", Tensor(DType::kF32, {3, 2}));
  EXPECT_THAT(error_of(), HasSubstr("fits neither rows, groups nor blocks of [128, 128]"));
  tensors_.clear();
  add("a.weight_packed", Tensor(DType::kI32, {4, 8}));
  EXPECT_THAT(error_of(), HasSubstr("has no a.weight_scale"));
}

// NVFP4: groups of 16 under E4M3 scales under one number, which ModelOpt multiplies by and
// compressed-tensors divides by.
TEST_F(Source, ReadsNvfp4) {
  for (const bool modelopt : {true, false}) {
    tensors_.clear();
    const std::string weight = modelopt ? "a.weight" : "a.weight_packed";
    add(weight, filled<std::uint8_t>(DType::kU8, {3, 16}, any_code));
    add("a.weight_scale", filled<std::uint8_t>(DType::kF8E4M3, {3, 2}, any_byte));
    add(modelopt ? "a.weight_scale_2" : "a.weight_global_scale",
        filled<float>(DType::kF32, {1}, any_scale));
    add("a.input_scale", filled<float>(DType::kF32, {1}, any_scale));
    const CheckpointReader reader = open(R"({"dtype":"float32"})");
    EXPECT_EQ(reader.names(), std::vector<std::string>{"a.weight"});
    EXPECT_EQ(reader.source("a.weight").shape(), (Shape{3, 32}));
    const std::vector<float> values = values_of(reader, "a.weight");
    constexpr float kGrid[] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
    for (std::int64_t i = 0; i < 96; ++i) {
      const unsigned code = any_code(i / 2) >> (i % 2 == 0 ? 0 : 4) & 0xfU;
      const float magnitude = kGrid[code & 7U];
      const float inner = e4m3_to_f32(any_byte(i / 16));
      const float scale = modelopt ? inner * any_scale(0) : inner / any_scale(0);
      EXPECT_EQ(values[static_cast<std::size_t>(i)], (code > 7 ? -magnitude : magnitude) * scale);
    }
  }
  tensors_.erase("a.weight_global_scale");
  EXPECT_THAT(error_of(), HasSubstr("has no a.weight_global_scale beside it"));
}

// MXFP8 of compressed-tensors.
TEST_F(Source, ReadsMxfp8) {
  add("a.weight", filled<std::uint8_t>(DType::kF8E4M3, {2, 64}, any_byte));
  add("a.weight_scale", filled<std::uint8_t>(DType::kU8, {2, 2}, any_code));
  const CheckpointReader reader = open(R"({"dtype":"float32"})");
  EXPECT_EQ(values_of(reader, "a.weight")[70],
            std::ldexp(e4m3_to_f32(any_byte(70)), any_code(2) - 127));
}

// MXFP4 of compressed-tensors: exponents of 32 columns.
TEST_F(Source, ReadsPackedMxfp4) {
  add("a.weight_packed", filled<std::uint8_t>(DType::kU8, {2, 32}, any_code));
  add("a.weight_scale", filled<std::uint8_t>(DType::kU8, {2, 2}, any_byte));
  const CheckpointReader reader = open(R"({"dtype":"float32"})");
  const std::vector<float> values = values_of(reader, "a.weight");
  const unsigned code = any_code(33) & 0xfU;
  constexpr float kGrid[] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  EXPECT_EQ(values[66], std::ldexp(code > 7 ? -kGrid[code & 7U] : kGrid[code], any_byte(2) - 127));
}

TEST_F(Source, RefusesSizesThatOverflow) {
  add("a.weight_packed", Tensor(DType::kI32, {4, 8}));
  add("a.weight_scale", Tensor(DType::kF32, {4, 1}));
  Tensor shape(DType::kI64, {2});
  shape.as<std::int64_t>()[0] = 4;
  shape.as<std::int64_t>()[1] = std::numeric_limits<std::int64_t>::max() / 2;
  add("a.weight_shape", std::move(shape));
  EXPECT_THAT(error_of(), HasSubstr("cannot hold [4, 4611686018427387903]"));
  tensors_.clear();
  add("a.weight", filled<std::uint8_t>(DType::kF8E4M3, {130, 200}, any_byte));
  add("a.weight_scale_inv", Tensor(DType::kF32, {3, 2}));
  EXPECT_THAT(error_of(R"({"quantization_config": {"quant_method": "fp8",
                           "weight_block_size": [18446744073709551615, 9223372036854775807]}})"),
              HasSubstr("blocks of [128, 128]"));
}

TEST_F(Source, RefusesOwnOutput) {
  add("a.weight", Tensor(DType::kF32, {2, 2}));
  std::ofstream(folder_ + "/quant_model_description.json") << "{}";
  EXPECT_THAT(error_of(), HasSubstr("is quantized already"));
}

TEST_F(Source, AnIndexMayNotLeaveItsFolder) {
  for (const char* file : {"../model.safetensors", "/etc/passwd", "sub/model.safetensors", ""}) {
    std::ofstream(folder_ + "/model.safetensors.index.json")
        << "{\"weight_map\": {\"a\": \"" << file << "\"}}";
    EXPECT_THAT([&] { open_source(folder_); },
                testing::ThrowsMessage<DataError>(HasSubstr("names the file")))
        << file;
  }
}

// GPT-OSS: transposed, gate and up in turn.
TEST_F(Source, SplitsExpertsOfGptOss) {
  add("l.experts.gate_up_proj", filled<float>(DType::kF32, {2, 3, 4}, any_scale));
  add("l.experts.gate_up_proj_bias", filled<float>(DType::kF32, {2, 4}, any_scale));
  add("l.experts.down_proj", filled<float>(DType::kF32, {2, 2, 3}, any_scale));
  add("l.experts.down_proj_bias", filled<float>(DType::kF32, {2, 3}, any_scale));
  const CheckpointReader reader = open(R"({"model_type": "gpt_oss", "torch_dtype": "float32"})");
  EXPECT_EQ(reader.names().size(), 12U);
  EXPECT_FALSE(reader.has("l.experts.gate_up_proj"));
  const std::vector<float> up = values_of(reader, "l.experts.1.up_proj.weight");
  const std::vector<float> down = values_of(reader, "l.experts.1.down_proj.weight");
  ASSERT_EQ(reader.source("l.experts.1.up_proj.weight").shape(), (Shape{2, 3}));
  ASSERT_EQ(reader.source("l.experts.1.down_proj.weight").shape(), (Shape{3, 2}));
  for (std::int64_t r = 0; r < 2; ++r)
    for (std::int64_t c = 0; c < 3; ++c) {
      EXPECT_EQ(up[static_cast<std::size_t>(r * 3 + c)], any_scale(12 + c * 4 + 2 * r + 1));
      EXPECT_EQ(down[static_cast<std::size_t>(c * 2 + r)], any_scale(6 + r * 3 + c));
    }
  EXPECT_EQ(values_of(reader, "l.experts.1.gate_proj.bias"),
            (std::vector<float>{any_scale(4), any_scale(6)}));
  EXPECT_EQ(reader.at("l.experts.0.down_proj.bias").as<float>()[2], any_scale(2));
}

TEST_F(Source, SplitsExpertsOfQwen35) {
  add("l.experts.gate_up_proj", filled<float>(DType::kF32, {2, 4, 3}, any_scale));
  add("l.experts.down_proj", filled<float>(DType::kF32, {2, 3, 2}, any_scale));
  const CheckpointReader reader =
      open(R"({"text_config": {"model_type": "qwen3_5_moe_text"}, "model_type": "qwen3_5_moe"})");
  const std::vector<float> up = values_of(reader, "l.experts.1.up_proj.weight");
  for (std::int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(up[static_cast<std::size_t>(i)], any_scale(12 + 6 + i));
  EXPECT_EQ(reader.at("l.experts.1.down_proj.weight").as<float>()[0], any_scale(6));
}

TEST_F(Source, TheHiddenSizeTellsTheOrderOfFusedExperts) {
  add("l.experts.gate_up_proj", filled<float>(DType::kF32, {2, 4, 3}, any_scale));
  add("l.experts.down_proj", filled<float>(DType::kF32, {2, 3, 2}, any_scale));
  for (const char* type : {"qwen3_vl_moe_text", "glm4v_moe_text"}) {
    const CheckpointReader reader = open(fmt::format(
        R"({{"text_config": {{"model_type": "{}", "hidden_size": 3}}, "hidden_size": 7}})", type));
    EXPECT_EQ(values_of(reader, "l.experts.1.up_proj.weight").front(), any_scale(12 + 6)) << type;
    EXPECT_EQ(reader.source("l.experts.1.down_proj.weight").shape(), (Shape{3, 2})) << type;
  }
  const CheckpointReader unknown = open(R"({"model_type": "llama4_text", "hidden_size": 9})");
  EXPECT_EQ(unknown.names().size(), 2U);
}

TEST_F(Source, SplitsAndDecodesMxfp4OfGptOss) {
  constexpr std::array<float, 8> kValues = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  add("l.experts.gate_up_proj_blocks", filled<std::uint8_t>(DType::kU8, {2, 4, 2, 16}, any_code));
  add("l.experts.gate_up_proj_scales", filled<std::uint8_t>(DType::kU8, {2, 4, 2}, exponent));
  const std::string config =
      R"({"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}})";
  const CheckpointReader reader = open(config);
  EXPECT_EQ(reader.names().size(), 4U);
  const std::vector<float> up = values_of(reader, "l.experts.1.up_proj.weight");
  ASSERT_EQ(up.size(), 2U * 64U);
  for (std::int64_t r = 0; r < 2; ++r)
    for (std::int64_t c = 0; c < 64; ++c) {
      const std::int64_t row = 4 + 2 * r + 1;
      const int code = any_code(row * 32 + c / 2) >> (c % 2 * 4) & 15;
      const float value = kValues[static_cast<std::size_t>(code & 7)] * (code > 7 ? -1.0F : 1.0F);
      ASSERT_EQ(up[static_cast<std::size_t>(r * 64 + c)],
                std::ldexp(value, exponent(row * 2 + c / 32) - 127));
    }
  EXPECT_THAT(error_of(R"({"model_type": "other"})"), HasSubstr("MXFP4 of fused experts"));
}

// What the page cache is asked for before a block's turn comes: experts that lie in one tensor and
// codes with their scales too, and each stretch of a file counts once.
TEST_F(Source, AsksForFusedExpertsAheadOfTime) {
  const auto asked = [](const CheckpointReader& reader, std::uint64_t most) {
    std::uint64_t bytes = 0;
    for (const std::string& name : reader.names()) bytes += reader.will_need(name, most - bytes);
    return bytes;
  };
  constexpr std::uint64_t kAll = 1 << 20;
  add("l.experts.gate_up_proj", filled<float>(DType::kF32, {2, 4, 4}, any_scale));
  for (const char* type : {"qwen3_5_moe", "qwen3_vl_moe", "gpt_oss"}) {
    const bool rows_first = std::string(type) == "qwen3_5_moe";
    add("l.experts.down_proj",
        filled<float>(DType::kF32, rows_first ? Shape{2, 4, 2} : Shape{2, 2, 4}, any_scale));
    const CheckpointReader reader = open(fmt::format(R"({{"model_type": "{}"}})", type));
    constexpr std::uint64_t kBytes = (2 * 16 + 2 * 8) * sizeof(float);
    EXPECT_LE(asked(reader, kAll), kBytes) << type;
    EXPECT_GE(asked(reader, kAll), kBytes - 12) << type;  // up begins behind gate
    EXPECT_EQ(asked(reader, 50), 50U) << type;
  }
}

TEST_F(Source, AsksForCodesAndScalesAheadOfTime) {
  add("l.experts.gate_up_proj_blocks", filled<std::uint8_t>(DType::kU8, {2, 4, 2, 16}, any_code));
  add("l.experts.gate_up_proj_scales", filled<std::uint8_t>(DType::kU8, {2, 4, 2}, exponent));
  const CheckpointReader reader =
      open(R"({"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}})");
  // Two of four rows, and the one between them, half of which counts.
  EXPECT_EQ(reader.will_need("l.experts.1.up_proj.weight"), 3U * 32 / 2 + 3 * 2 / 2);
  EXPECT_EQ(reader.will_need("l.experts.1.up_proj.weight", 20), 20U);
  EXPECT_EQ(reader.will_need("l.experts.2.up_proj.weight"), 0U);
}

TEST_F(Source, RefusesExpertsThatDoNotFit) {
  add("l.experts.gate_up_proj", filled<float>(DType::kF32, {2, 3, 3}, any_scale));
  EXPECT_THAT(error_of(R"({"model_type": "gpt_oss"})"), HasSubstr("which are not gate and up"));
  EXPECT_EQ(open().names(), (std::vector<std::string>{"l.experts.gate_up_proj"}));
}

}  // namespace
}  // namespace msmodelslim
