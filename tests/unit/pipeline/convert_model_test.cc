#include "pipeline/convert_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/ascendv1_source.h"
#include "checkpoint/source.h"
#include "pipeline/quantize_model.h"
#include "quantize/mx.h"
#include "recipe/recipe.h"
#include "shared_data.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

class Convert : public testing::Test {
 protected:
  void SetUp() override {
    root_ = temp_path("convert");
    fs::remove_all(root_);
    fs::create_directories(root_ + "/model");
    job_.model_path = root_ + "/model";
    job_.save_path = root_ + "/out";
    job_.quiet = true;
  }
  void TearDown() override { fs::remove_all(root_); }

  void add(const std::string& name, Tensor tensor) { tensors_[name] = std::move(tensor); }
  void add_bf16(const std::string& name, const Shape& shape) {
    std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 64;
    add(name, from_f32(values.data(), shape, DType::kBF16));
  }
  void add_fp8(const std::string& module, std::int64_t rows, std::int64_t columns) {
    Tensor codes(DType::kF8E4M3, {rows, columns});
    for (std::int64_t i = 0; i < codes.count(); ++i)
      codes.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 37 % 120);
    Tensor scale(DType::kF32, {(rows + 127) / 128, (columns + 127) / 128});
    for (std::int64_t i = 0; i < scale.count(); ++i)
      scale.as<float>()[i] = 0.25F + 0.125F * static_cast<float>(i);
    add(module + ".weight", std::move(codes));
    add(module + ".weight_scale_inv", std::move(scale));
  }
  void write() {
    std::ofstream(root_ + "/model/config.json")
        << R"({"torch_dtype":"bfloat16","quantization_config":{"quant_method":"fp8","weight_block_size":[128,128]}})";
    std::vector<NamedTensor> list;
    for (const auto& [name, tensor] : tensors_) list.push_back({name, tensor.view()});
    write_safetensors(root_ + "/model/model.safetensors", list);
  }
  void set(const std::string& spec) {
    job_.plan =
        *make_plan(parse_recipe("apiversion: modelslim_convert\nspec:\n" + spec, "test.yaml"))
             .convert;
  }
  std::string error_of() {
    try {
      convert_model(job_);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  std::vector<float> before(const std::string& name) const {
    const CheckpointReader reader = open_source(job_.model_path);
    Tensor owned;
    const TensorView view = reader.source(name).whole(owned);
    std::vector<float> values(static_cast<std::size_t>(view.count()));
    to_f32(view, values.data());
    return values;
  }
  std::vector<float> after(const std::string& name) const {
    const CheckpointReader reader(job_.save_path);
    std::vector<float> values(static_cast<std::size_t>(reader.at(name).count()));
    to_f32(reader.at(name), values.data());
    return values;
  }

  std::string root_;
  ConvertJob job_;
  std::map<std::string, Tensor> tensors_;
};

constexpr const char* kAllFloat =
    "  linears: [{match: ['*'], target: FLOAT}]\n  save: [{type: huggingface}]\n";

TEST_F(Convert, DecodesFp8) {
  add_fp8("model.layers.0.a_proj", 130, 200);
  add_bf16("model.norm.weight", {200});
  write();
  set(kAllFloat);
  const ConvertSummary summary = convert_model(job_);
  EXPECT_EQ(summary.edges.at("FP8_BLOCK -> FLOAT"), 1);
  EXPECT_EQ(summary.others, 1);
  const CheckpointReader out(job_.save_path);
  EXPECT_EQ(out.names().size(), 2U);
  EXPECT_EQ(out.at("model.layers.0.a_proj.weight").dtype, DType::kBF16);
  EXPECT_EQ(after("model.layers.0.a_proj.weight"), before("model.layers.0.a_proj.weight"));
  EXPECT_FALSE(read_json_file(job_.save_path + "/config.json").contains("quantization_config"));
}

// Linears that no rule is for keep codes and scales; engines are told which ones changed.
TEST_F(Convert, KeepsCodesThatNoRuleIsFor) {
  add_fp8("model.layers.0.a_proj", 130, 200);
  add_fp8("model.layers.0.b_proj", 130, 200);
  write();
  set("  linears: [{match: ['*a_proj'], target: FLOAT}]\n  save: [{type: huggingface}]\n");
  convert_model(job_);
  const CheckpointReader out(job_.save_path);
  EXPECT_EQ(out.at("model.layers.0.b_proj.weight").dtype, DType::kF8E4M3);
  EXPECT_TRUE(out.has("model.layers.0.b_proj.weight_scale_inv"));
  EXPECT_FALSE(out.has("model.layers.0.a_proj.weight_scale_inv"));
  const Json config = read_json_file(job_.save_path + "/config.json");
  EXPECT_EQ(config["quantization_config"]["modules_to_not_convert"],
            Json::array({"model.layers.0.a_proj"}));
  set("  linears: [{match: ['*a_proj'], target: W8A8_MXFP8}]\n");
  job_.overwrite = true;
  EXPECT_THAT(error_of(), HasSubstr("no rule is for 1 linears that are stored as codes"));
}

TEST_F(Convert, Mxfp8IsThatOfTheDecodedWeightForAnyThreadCount) {
  add_fp8("model.layers.0.a_proj", 130, 200);
  add_bf16("model.layers.0.a_proj.bias", {130});
  add_bf16("model.layers.0.b_proj.weight", {6, 64});
  write();
  set("  linears: [{match: ['*_proj'], target: W8A8_MXFP8}]\n");
  std::vector<std::string> bytes;
  const int threads = thread_count();
  job_.overwrite = true;
  for (const int count : {1, 3}) {
    set_thread_count(count);
    convert_model(job_);
    std::string all;
    for (const auto& item : fs::directory_iterator(job_.save_path))
      if (item.path().extension() == ".safetensors") all += read_file(item.path().string());
    bytes.push_back(std::move(all));
  }
  set_thread_count(threads);
  EXPECT_EQ(bytes[0], bytes[1]);
  EXPECT_EQ(read_description(job_.save_path)["model.layers.0.a_proj.weight"], "W8A8_MXFP8");
  const CheckpointReader out(job_.save_path);
  EXPECT_EQ(out.at("model.layers.0.a_proj.bias").dtype, DType::kF32);
  const std::vector<float> source = before("model.layers.0.a_proj.weight");
  std::vector<float> expected(source.size());
  for (std::size_t r = 0; r < 130; ++r)
    mx_fake_quantize(MxElement::kFp8, source.data() + r * 200, expected.data() + r * 200, 200);
  const TensorView codes = out.at("model.layers.0.a_proj.weight");
  const TensorView scale = out.at("model.layers.0.a_proj.weight_scale");
  ASSERT_EQ(scale.shape, (Shape{130, 7}));
  for (std::int64_t r = 0; r < 130; ++r)
    for (std::int64_t c = 0; c < 200; ++c) {
      const float value = std::ldexp(e4m3_to_f32(codes.as<std::uint8_t>()[r * 200 + c]),
                                     scale.as<std::uint8_t>()[r * 7 + c / 32] - 127);
      ASSERT_EQ(value, expected[static_cast<std::size_t>(r * 200 + c)]);
    }
}

TEST_F(Convert, CutsFusedExpertsAndPutsThemTogetherAgain) {
  add_bf16("model.layers.3.mlp.experts.gate_up_proj", {2, 8, 32});
  add_bf16("model.layers.3.mlp.experts.down_proj", {2, 32, 4});
  write();
  set(R"(
  linears: [{match: ['*'], target: FLOAT}]
  preprocess:
    - {type: convert, source: ['*.experts.gate_up_proj'], target: ['*.gate_proj.weight', '*.up_proj.weight'], ops: [{type: chunk}]}
    - {type: convert, source: ['*.experts.down_proj'], ops: [{type: chunk, projections: [down_proj]}]}
  save: [{type: hf}]
)");
  convert_model(job_);
  const std::string experts = "model.layers.3.mlp.experts.";
  const std::vector<float> fused = before(experts + "gate_up_proj");
  const std::vector<float> up = after(experts + "1.up_proj.weight");
  EXPECT_EQ(up, std::vector<float>(fused.begin() + 3 * 128, fused.begin() + 4 * 128));
  EXPECT_EQ(CheckpointReader(job_.save_path).names().size(), 6U);
  ConvertJob back = job_;
  back.model_path = job_.save_path;
  back.save_path = root_ + "/back";
  job_ = back;
  set(R"(
  linears: [{match: ['*'], target: FLOAT}]
  preprocess:
    - type: convert
      source: ['model.layers.*.mlp.experts.*.gate_proj.weight', 'model.layers.*.mlp.experts.*.up_proj.weight']
      target: ['model.layers.*.mlp.experts.gate_up_proj']
      ops: [{type: merge, dim: 0}]
  save: [{type: hf}]
)");
  convert_model(job_);
  EXPECT_EQ(after(experts + "gate_up_proj"), fused);
  EXPECT_EQ(CheckpointReader(job_.save_path).at(experts + "gate_up_proj").shape, (Shape{2, 8, 32}));
}

TEST_F(Convert, Renames) {
  add_fp8("model.layers.0.a_proj", 4, 8);
  write();
  set(R"(
  linears: [{match: ['decoder*'], target: FLOAT}]
  preprocess: [{type: rename, patterns: [{from: 'model\.layers\.(\d+)\.(.*)', to: 'decoder.\1.\g<2>'}]}]
  save: [{type: hf}]
)");
  convert_model(job_);
  EXPECT_EQ(CheckpointReader(job_.save_path).names(),
            std::vector<std::string>{"decoder.0.a_proj.weight"});
}

// A folder of ours as float: every weight is within its rounding of the float model's.
struct Way {
  const char* recipe;
  double error;  // of the values, relative to their root mean square
};
class OwnFolder : public Convert, public testing::WithParamInterface<Way> {};

TEST_P(OwnFolder, BecomesFloatAgain) {
  QuantJob quant;
  quant.model_path = golden_dir() + "/models/qwen2";
  quant.save_path = root_ + "/q";
  quant.quiet = true;
  quant.plan = make_plan(parse_recipe(GetParam().recipe, "test.yaml"));
  for (int i = 0; i < 3; ++i) quant.samples.push_back({5, 9, 17, 33, 65, 129, 250, i});
  quantize_model(quant);
  const CheckpointReader back = open_ascendv1_source(quant.save_path, DType::kF32);
  const CheckpointReader before(quant.model_path);
  EXPECT_EQ(back.names().size(), before.names().size());
  std::size_t decoded = 0;
  for (const std::string& name : before.names()) {
    Tensor owned;
    const TensorView view = back.source(name).whole(owned);
    ASSERT_EQ(view.shape, before.at(name).shape) << name;
    std::vector<float> now(static_cast<std::size_t>(view.count()));
    std::vector<float> was(now.size());
    to_f32(view, now.data());
    to_f32(before.at(name), was.data());
    double error = 0;
    double size = 0;
    for (std::size_t i = 0; i < now.size(); ++i) {
      error += (now[i] - was[i]) * (now[i] - was[i]);
      size += was[i] * was[i];
    }
    EXPECT_LT(std::sqrt(error / size), GetParam().error) << name;
    decoded += error > 0 ? 1 : 0;
  }
  EXPECT_GE(decoded, 14U);
}

constexpr const char* kV0 = "apiversion: modelslim_v0\nspec:\n  calib_cfg: ";
const std::string kV1 =
    "apiversion: modelslim_v1\nspec:\n  save: [{type: ascendv1_saver}]\n  process:\n"
    "    - {type: linear_quant, include: ['*'], qconfig: ";
const std::string kStatic =
    kV1 +
    "{act: {dtype: int8, scope: per_tensor, symmetric: false, method: minmax}, "
    "weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}}}\n";
const std::string kAsymmetric =
    kV1 + "{weight: {dtype: int8, scope: per_channel, symmetric: false, method: minmax}}}\n";
const std::string kInt4 =
    kV1 +
    "{act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}, "
    "weight: {dtype: int4, scope: per_channel, symmetric: true, method: minmax}}}\n";
const std::string kFp8 =
    kV1 +
    "{act: {dtype: fp8_e4m3, scope: per_token, symmetric: true, method: minmax}, "
    "weight: {dtype: fp8_e4m3, scope: per_channel, symmetric: true, method: minmax}}}\n";
const std::string kDual =
    kV1 +
    "{act: {dtype: mxfp4, scope: dual_scale, symmetric: true, method: dualscale}, weight: "
    "{dtype: mxfp4, scope: dual_scale, symmetric: true, method: dualscale, ext: "
    "{dual_block_size: 64}}}}\n";
const std::string kSvd =
    kV1 +
    "{act: {dtype: mxfp4, scope: per_block, symmetric: true, method: minmax}, "
    "weight: {dtype: mxfp4, scope: per_block, symmetric: true, method: minmax}}}\n";
const std::string kWithBranch = [] {
  std::string text = kSvd;
  const std::string list = "process:\n";
  return text.insert(text.find(list) + list.size(),
                     "    - {type: svd_res, rank: 8, include: ['*']}\n");
}();
const std::string kV0Static = std::string(kV0) + "{mm_tensor: false}\n";
const std::string kV0Tensor = std::string(kV0) + "{mm_tensor: true}\n";
const std::string kV0Rows = std::string(kV0) + "{w_bit: 4, a_bit: 16, mm_tensor: false}\n";
const std::string kV0Groups =
    std::string(kV0) +
    "{w_bit: 4, a_bit: 16, is_lowbit: true, open_outlier: false, group_size: 32}\n";
const std::string kV0TwoLevels =
    std::string(kV0) +
    "{w_bit: 4, is_dynamic: true, is_lowbit: true, open_outlier: false, group_size: 32}\n";

INSTANTIATE_TEST_SUITE_P(Types, OwnFolder,
                         testing::Values(Way{kStatic.c_str(), 0.02}, Way{kAsymmetric.c_str(), 0.02},
                                         Way{kInt4.c_str(), 0.25}, Way{kFp8.c_str(), 0.05},
                                         Way{kDual.c_str(), 0.2}, Way{kSvd.c_str(), 0.2},
                                         Way{kWithBranch.c_str(), 0.2},
                                         Way{kV0Static.c_str(), 0.02}, Way{kV0Tensor.c_str(), 0.1},
                                         Way{kV0Rows.c_str(), 0.25}, Way{kV0Groups.c_str(), 0.2},
                                         Way{kV0TwoLevels.c_str(), 0.2}));

TEST_F(Convert, SaysWhatDoesNotFit) {
  add_bf16("model.layers.0.mlp.experts.gate_up_proj.weight", {2, 8, 32});
  add_bf16("model.layers.0.a_proj.weight", {4, 8});
  write();
  set("  linears: [{match: ['x*'], target: FLOAT}]\n");
  EXPECT_THAT(error_of(), HasSubstr("no linear of the model matches x*"));
  set("  linears: [{match: ['*'], target: W8A8_MXFP8}]\n");
  EXPECT_THAT(error_of(), HasSubstr("needs a matrix: cut it"));
  set("  linears: [{match: ['*a_proj'], target: FLOAT, route: [FP8_BLOCK, FLOAT]}]\n");
  EXPECT_THAT(error_of(), HasSubstr("is FLOAT, from which no conversion leads to FP8_BLOCK"));
  set("  linears: [{match: ['*a_proj'], target: FLOAT}]\n"
      "  preprocess: [{type: rename, patterns: [{from: 'b', to: c}]}]\n");
  EXPECT_THAT(error_of(), HasSubstr("no tensor of the model matches b"));
  set("  linears: [{match: ['*a_proj'], target: FLOAT}]\n"
      "  preprocess: [{type: rename, patterns: [{from: '.*', to: c}]}]\n");
  EXPECT_THAT(error_of(), HasSubstr("makes c of both"));
  EXPECT_FALSE(fs::exists(job_.save_path));
}

}  // namespace
}  // namespace msmodelslim
