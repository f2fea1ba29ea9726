#include "checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>

#include "base/error.h"
#include "checkpoint/reader.h"
#include "checkpoint/shard_writer.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

std::string with_length(const std::string& header, std::uint64_t length) {
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + header;
}

std::string container(const std::string& header, std::size_t data_bytes) {
  return with_length(header, header.size()) + std::string(data_bytes, '\1');
}

std::string error_of(const std::string& bytes) {
  try {
    parse_safetensors_header(bytes, bytes.size(), "x.safetensors");
  } catch (const DataError& error) {
    EXPECT_FALSE(error.remedy().empty());
    return error.what();
  }
  return "no error";
}

TEST(SafetensorsHeader, ReadsEntriesAndMetadata) {
  const std::string bytes = container(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},)"
      R"("a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}})",
      12);
  const SafetensorsHeader header = parse_safetensors_header(bytes, bytes.size(), "x");
  ASSERT_EQ(header.entries.size(), 2U);
  EXPECT_EQ(header.entries[0].name, "a");
  EXPECT_EQ(header.entries[0].dtype, DType::kBF16);
  EXPECT_EQ(header.entries[1].shape, Shape({2}));
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

TEST(SafetensorsHeader, RefusesWhatTheFormatForbids) {
  EXPECT_THAT(error_of("abc"), HasSubstr("too few"));
  EXPECT_THAT(error_of(with_length("{}", 1ULL << 60)), HasSubstr("header claims"));
  EXPECT_THAT(error_of(with_length("{}", 3)), HasSubstr("header claims"));
  EXPECT_THAT(error_of(container("[]", 0)), HasSubstr("no JSON object"));
  EXPECT_THAT(error_of(container("{\"a\":", 0)), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of(container(R"({"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}})", 4)),
              HasSubstr("tensor a: unknown dtype"));
  EXPECT_THAT(error_of(container(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4)),
              HasSubstr("needs 8 bytes"));
  EXPECT_THAT(error_of(container(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 2)),
              HasSubstr("ends at byte 4"));
  EXPECT_THAT(error_of(container(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8)),
              HasSubstr("describes 4 data bytes"));
  EXPECT_THAT(error_of(container(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                 R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                                 6)),
              HasSubstr("overlap"));
  EXPECT_THAT(error_of(container(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                 R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                                 12)),
              HasSubstr("hole"));
  EXPECT_THAT(error_of(container(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],)"
                                 R"("data_offsets":[0,0]}})",
                                 0)),
              HasSubstr("impossible shape"));
  EXPECT_THAT(error_of(container(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                 R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                 4)),
              HasSubstr("twice"));
}

class ShardWriterTest : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(folder_); }
  void SetUp() override {
    folder_ = temp_path("shards");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  Tensor filled(DType dtype, Shape shape, int seed) {
    Tensor tensor(dtype, std::move(shape));
    for (std::size_t i = 0; i < tensor.byte_size(); ++i)
      tensor.bytes()[i] = static_cast<std::byte>((i * 31 + static_cast<std::size_t>(seed)) & 0xff);
    return tensor;
  }
  std::string folder_;
};

TEST_F(ShardWriterTest, ClosesAShardBeforeItReachesTheLimit) {
  ShardWriter writer(folder_, "w", 100);
  writer.add("a", filled(DType::kU8, {60}, 1).view());
  writer.add("b", filled(DType::kU8, {40}, 2).view());   // 60 + 40 >= 100: new shard
  writer.add("c", filled(DType::kU8, {59}, 3).view());   // 40 + 59 < 100: same shard
  writer.add("d", filled(DType::kU8, {500}, 4).view());  // alone
  writer.finish();
  const Json index = read_json_file(folder_ + "/w.safetensors.index.json");
  EXPECT_EQ(index.dump(),
            R"({"metadata":{"total_size":659},"weight_map":{"a":"w-00001-of-00003.safetensors",)"
            R"("b":"w-00002-of-00003.safetensors","c":"w-00002-of-00003.safetensors",)"
            R"("d":"w-00003-of-00003.safetensors"}})");
  const CheckpointReader reader(folder_);
  EXPECT_EQ(reader.total_bytes(), 659U);
  EXPECT_EQ(std::memcmp(reader.at("c").bytes, filled(DType::kU8, {59}, 3).bytes(), 59), 0);
}

TEST_F(ShardWriterTest, LimitZeroGivesOneFileWithoutIndex) {
  ShardWriter writer(folder_, "w", 0);
  writer.add("a", filled(DType::kI8, {3, 5}, 1).view());
  writer.add("b", filled(DType::kF32, {2}, 2).view());
  EXPECT_THROW(writer.add("a", filled(DType::kI8, {1}, 1).view()), DataError);
  writer.finish();
  EXPECT_TRUE(fs::exists(folder_ + "/w.safetensors"));
  EXPECT_FALSE(fs::exists(folder_ + "/w.safetensors.index.json"));
}

TEST_F(ShardWriterTest, LargeShardsAreStreamedAndStayAligned) {
  ShardWriter writer(folder_, "w", 0);
  const Tensor odd = filled(DType::kI8, {33, 1024 * 1024 + 1}, 5);  // 33 MiB and 33 odd bytes
  const Tensor scale = filled(DType::kF32, {7}, 6);
  writer.add("odd", odd.view());
  writer.add("scale", scale.view());
  writer.finish();
  const CheckpointReader reader(folder_);
  EXPECT_EQ(std::memcmp(reader.at("odd").bytes, odd.bytes(), odd.byte_size()), 0);
  EXPECT_EQ(std::memcmp(reader.at("scale").bytes, scale.bytes(), scale.byte_size()), 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(reader.at("scale").bytes) % 4, 0U);
}

// A writer that goes on at a state writes what one writer writes: with shards that are closed,
// small (laid out anew) and large (kept as streamed), and an open one with too much in it.
TEST_F(ShardWriterTest, GoesOnWhereAnotherWasKilled) {
  const Tensor large = filled(DType::kF32, {9, 1024 * 1024}, 1);  // 36 MiB
  const Tensor small = filled(DType::kI8, {777}, 2);
  const Tensor other = filled(DType::kF16, {31}, 3);
  const std::vector<std::pair<std::string, const Tensor*>> all = {
      {"a", &small}, {"b", &large}, {"c", &other}, {"d", &small}, {"e", &large}, {"f", &other}};
  const auto write = [&](ShardWriter& writer, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) writer.add(all[i].first, all[i].second->view());
  };
  const auto files = [](const std::string& folder) {
    std::map<std::string, std::string> found;
    for (const auto& item : fs::directory_iterator(folder))
      if (item.is_regular_file())
        found[item.path().filename().string()] = read_file(item.path().string());
    return found;
  };
  const std::string whole = folder_ + "/whole";
  fs::create_directories(whole);
  {
    ShardWriter writer(whole, "w", 36ULL << 20);
    write(writer, 0, all.size());
    writer.finish();
  }
  using Moments = std::pair<std::size_t, std::size_t>;  // of the state, of the end
  for (const auto& [at, killed] : {Moments{1, 3}, Moments{3, 6}, Moments{5, 6}}) {
    const std::string folder = fmt::format("{}/{}-{}", folder_, at, killed);
    fs::create_directories(folder);
    Json state;
    {
      ShardWriter writer(folder, "w", 36ULL << 20);
      write(writer, 0, at);
      state = writer.state();
      write(writer, at, killed);
      if (killed == all.size()) writer.finish();
    }
    ShardWriter writer(folder, "w", 36ULL << 20);
    writer.resume(parse_json(state.dump(), "state"));
    write(writer, at, all.size());
    writer.finish();
    EXPECT_TRUE(files(folder) == files(whole)) << at << " " << killed;
    EXPECT_EQ(writer.written().size(), all.size());
    fs::remove_all(folder);
  }
}

TEST_F(ShardWriterTest, ReaderNamesWhatIsMissing) {
  ShardWriter writer(folder_, "model", 50);
  writer.add("a", filled(DType::kU8, {40}, 1).view());
  writer.add("b", filled(DType::kU8, {40}, 2).view());
  writer.finish();
  fs::remove(folder_ + "/model-00002-of-00002.safetensors");
  try {
    const CheckpointReader reader(folder_);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("model-00002-of-00002.safetensors: missing shard"));
  }
}

}  // namespace
}  // namespace msmodelslim
