#include "checkpoint/gguf_convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/reader.h"
#include "gguf_models.h"

namespace msmodelslim {
namespace {

using testing::count_from;
using ::testing::ElementsAre;
using testing::GgufBuilder;
using ::testing::HasSubstr;
using testing::TemporaryFolder;
using ::testing::ThrowsMessage;
using testing::tiny_model;
using testing::write_model;

std::vector<float> values(const CheckpointReader& reader, const std::string& name) {
  const Tensor tensor = to_f32(reader.at(name));
  return {tensor.as<float>(), tensor.as<float>() + tensor.count()};
}

// The first column of a weight whose rows are counted on by 8: which row stands where.
std::vector<int> row_order(const CheckpointReader& reader, const std::string& name) {
  const std::vector<float> all = values(reader, name);
  std::vector<int> rows;
  for (std::size_t i = 0; i < all.size(); i += 8) rows.push_back(static_cast<int>(all[i]) / 8);
  return rows;
}

constexpr char kLayer[] = "model.layers.0.";

TEST(GgufConvert, LlamaRowsAreInHalfSplitOrder) {
  const TemporaryFolder folder;
  GgufBuilder builder = tiny_model("llama", "smollm");
  for (const char* bias : {"q", "k", "v", "output"})
    builder.tensor(std::string("blk.0.attn_") + bias + ".bias",
                   {*bias == 'q' || *bias == 'o' ? 8U : 4U},
                   count_from(0, *bias == 'q' || *bias == 'o' ? 8 : 4));
  const std::string model = write_model(folder, "m.gguf", builder);
  convert_gguf({model, folder / "out", DType::kF32, false});
  EXPECT_THAT(folder.names(), ::testing::UnorderedElementsAre("m.gguf", "out"));

  const CheckpointReader reader(folder / "out");
  const std::string attention = std::string(kLayer) + "self_attn.";
  EXPECT_THAT(row_order(reader, attention + "q_proj.weight"), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  EXPECT_THAT(row_order(reader, attention + "k_proj.weight"), ElementsAre(0, 2, 1, 3));
  EXPECT_THAT(values(reader, attention + "q_proj.bias"), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  EXPECT_THAT(values(reader, attention + "k_proj.bias"), ElementsAre(0, 2, 1, 3));
  EXPECT_EQ(values(reader, attention + "v_proj.weight"), count_from(5, 32));
  EXPECT_EQ(values(reader, attention + "o_proj.weight"), count_from(6, 64));
  EXPECT_EQ(values(reader, std::string(kLayer) + "mlp.down_proj.weight"), count_from(9, 32));
  EXPECT_EQ(reader.at(std::string(kLayer) + "mlp.down_proj.weight").shape, (Shape{8, 4}));
  EXPECT_FALSE(reader.has("lm_head.weight"));

  const Json config = read_json_file(folder / "out/config.json");
  EXPECT_EQ(config["architectures"][0], "LlamaForCausalLM");
  EXPECT_EQ(config["rms_norm_eps"].dump(), "1e-06");
  EXPECT_EQ(config["num_key_value_heads"], 1);
  EXPECT_EQ(config["vocab_size"], 6);
  EXPECT_EQ(config["max_position_embeddings"], 64);
  EXPECT_EQ(config["tie_word_embeddings"], true);
  EXPECT_EQ(config["attention_bias"], true);
  EXPECT_EQ(config["torch_dtype"], "float32");
  EXPECT_EQ(config["eos_token_id"], 3);
}

TEST(GgufConvert, Qwen2HasBiasesAndItsOwnHead) {
  const TemporaryFolder folder;
  GgufBuilder builder = tiny_model("qwen2", "qwen2");
  builder.tensor("output.weight", {8, 6}, count_from(50, 48));
  convert_gguf({write_model(folder, "m.gguf", builder), folder / "out", DType::kBF16, false});
  const CheckpointReader reader(folder / "out");
  EXPECT_EQ(row_order(reader, std::string(kLayer) + "self_attn.q_proj.weight"),
            (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(values(reader, std::string(kLayer) + "self_attn.v_proj.bias"), count_from(22, 4));
  EXPECT_EQ(values(reader, "lm_head.weight"), count_from(50, 48));
  EXPECT_EQ(reader.at("lm_head.weight").dtype, DType::kBF16);
  const Json config = read_json_file(folder / "out/config.json");
  EXPECT_EQ(config["tie_word_embeddings"], false);
  EXPECT_EQ(config["model_type"], "qwen2");
  EXPECT_FALSE(config.contains("head_dim"));
}

TEST(GgufConvert, Qwen3HasHeadNorms) {
  const TemporaryFolder folder;
  const std::string model = write_model(folder, "m.gguf", tiny_model("qwen3", "qwen2"));
  convert_gguf({model, folder / "out", DType::kF16, false});
  const CheckpointReader reader(folder / "out");
  EXPECT_EQ(values(reader, std::string(kLayer) + "self_attn.q_norm.weight"), count_from(30, 4));
  EXPECT_EQ(values(reader, std::string(kLayer) + "self_attn.k_norm.weight"), count_from(31, 4));
  EXPECT_EQ(read_json_file(folder / "out/config.json")["head_dim"], 4);
}

TEST(GgufConvert, SplitModel) {
  const TemporaryFolder folder;
  GgufBuilder first = tiny_model("llama", "smollm");
  first.set("split.count", 2U);
  GgufBuilder second;
  second.set("split.count", 2U);
  second.tensors.assign(first.tensors.begin() + 3, first.tensors.end());
  first.tensors.resize(3);
  write_model(folder, "m-00001-of-00002.gguf", first);
  const std::string part = write_model(folder, "m-00002-of-00002.gguf", second);
  convert_gguf({part, folder / "out", DType::kF32, false});
  EXPECT_TRUE(CheckpointReader(folder / "out").has(std::string(kLayer) + "mlp.up_proj.weight"));
  fs::rename(part, folder / "other.gguf");
  EXPECT_THAT(
      [&] {
        convert_gguf({folder / "other.gguf", folder / "o2", DType::kF32, false});
      },
      ThrowsMessage<DataError>(HasSubstr("split model")));
}

// Every failure leaves the parent folder as it was.
void expect_refused(GgufBuilder builder, const std::string& message, DType dtype = DType::kF32) {
  const TemporaryFolder folder;
  const std::string model = write_model(folder, "m.gguf", builder);
  EXPECT_THAT(
      [&] {
        convert_gguf({model, folder / "out", dtype, false});
      },
      ThrowsMessage<DataError>(HasSubstr(message)));
  EXPECT_THAT(folder.names(), ElementsAre("m.gguf"));
}

TEST(GgufConvert, RefusesWhatItCannotExpress) {
  GgufBuilder missing = tiny_model("llama", "smollm");
  missing.tensors.pop_back();
  expect_refused(missing, "tensor \"blk.0.ffn_down.weight\" is missing");
  GgufBuilder shape = tiny_model("llama", "smollm");
  shape.find("blk.0.ffn_up.weight").dims = {4, 8};
  expect_refused(shape, "has shape [8, 4], [4, 8] was expected");
  GgufBuilder extra = tiny_model("llama", "smollm");
  extra.tensor("blk.0.attn_sinks.weight", {2}, {1, 2});
  expect_refused(extra, "\"blk.0.attn_sinks.weight\" is no part");
  GgufBuilder arch = tiny_model("llama", "smollm");
  arch.set("general.architecture", "gemma3");
  expect_refused(arch, "architecture \"gemma3\" is not supported");
  GgufBuilder experts = tiny_model("llama", "smollm");
  experts.set("llama.expert_count", 8U);
  expect_refused(experts, "mixture of experts");
  GgufBuilder layers = tiny_model("llama", "smollm");
  layers.set("llama.block_count", 0x7fffffffU);
  expect_refused(layers, "blk.1.attn_norm.weight\" is missing");
  GgufBuilder tokens = tiny_model("llama", "smollm");
  tokens.set("tokenizer.ggml.tokens", std::vector<std::string>(7, "a"));
  expect_refused(tokens, "7 tokens for an embedding of 6 rows");
  GgufBuilder utf8 = tiny_model("llama", "smollm");
  utf8.set("tokenizer.chat_template", "\xff");
  expect_refused(utf8, "not UTF-8");
}

TEST(GgufConvert, RefusesValuesThatAreNotFinite) {
  GgufBuilder nan = tiny_model("llama", "smollm");
  std::vector<float> values = count_from(0, 64);
  values[9] = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(nan.find("blk.0.attn_q.weight").data.data(), values.data(), 256);
  expect_refused(nan, "tensor \"blk.0.attn_q.weight\" has values that are not finite");
  GgufBuilder large = tiny_model("llama", "smollm");
  values[9] = 70000.0F;
  std::memcpy(large.find("blk.0.attn_q.weight").data.data(), values.data(), 256);
  expect_refused(large, "too large for float16", DType::kF16);
}

TEST(GgufConvert, FolderRules) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "models");
  const std::string model = write_model(folder, "models/m.gguf", tiny_model("llama", "smollm"));
  const auto convert = [&](const std::string& to, bool overwrite) {
    convert_gguf({model, to, DType::kF32, overwrite});
  };
  EXPECT_THAT([&] { convert(folder / "models", true); },
              ThrowsMessage<UsageError>(HasSubstr("holds or lies in")));
  EXPECT_THAT([&] { convert(model, true); },
              ThrowsMessage<UsageError>(HasSubstr("holds or lies in")));
  fs::create_directory(folder / "full");
  std::ofstream(folder / "full/letter.txt") << "dear";
  EXPECT_THAT([&] { convert(folder / "full", false); },
              ThrowsMessage<UsageError>(HasSubstr("is not empty")));
  EXPECT_THAT([&] { convert(folder / "full", true); },
              ThrowsMessage<UsageError>(HasSubstr("holds no model")));
  fs::create_directory(folder / "empty");
  convert(folder / "empty", false);
  std::ofstream(folder / "empty/old.txt") << "old";
  convert(folder / "empty/", true);
  EXPECT_FALSE(fs::exists(folder / "empty/old.txt"));
  EXPECT_THAT(folder.names(), ::testing::UnorderedElementsAre("models", "full", "empty"));
  EXPECT_THAT(
      [&] {
        convert_gguf({folder / "none", folder / "x", DType::kF32, false});
      },
      ThrowsMessage<ResourceError>(HasSubstr("no such file")));
}

TEST(GgufConvert, ModelFolderInAnotherDtype) {
  const TemporaryFolder folder;
  const std::string model = write_model(folder, "m.gguf", tiny_model("qwen2", "qwen2"));
  convert_gguf({model, folder / "f32", DType::kF32, false});
  std::ofstream(folder / "f32/extra.txt") << "extra";
  std::ofstream(folder / "f32/pytorch_model.bin") << "weights";
  convert_gguf({folder / "f32", folder / "bf16", DType::kBF16, false});
  EXPECT_EQ(read_json_file(folder / "bf16/config.json")["torch_dtype"], "bfloat16");
  EXPECT_TRUE(fs::exists(folder / "bf16/extra.txt"));
  EXPECT_TRUE(fs::exists(folder / "bf16/tokenizer.json"));
  EXPECT_FALSE(fs::exists(folder / "bf16/pytorch_model.bin"));
  const CheckpointReader reader(folder / "bf16");
  EXPECT_EQ(reader.at("model.norm.weight").dtype, DType::kBF16);
  EXPECT_EQ(values(reader, "model.norm.weight"), count_from(1, 8));
  EXPECT_THAT(
      [&] {
        convert_gguf({folder / "f32", folder / "f32/x", DType::kBF16, false});
      },
      ThrowsMessage<UsageError>(HasSubstr("holds or lies in")));
}

}  // namespace
}  // namespace msmodelslim
