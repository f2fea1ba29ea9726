#include "checkpoint/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/pickle.h"
#include "checkpoint/reader.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

const std::string kCorpus = MSMODELSLIM_SOURCE_DIR "/tests/fuzz/corpus/fuzz_torch_file/";

std::string error_of(const std::string& pickle) {
  try {
    read_pickled_tensors(pickle, "x.bin");
  } catch (const DataError& error) {
    EXPECT_THAT(error.remedy(), HasSubstr("nothing in the file is executed"));
    return error.what();
  }
  return "no error";
}

TEST(TorchFile, ReadsTensors) {
  const TorchFile file(kCorpus + "dict.bin");
  std::map<std::string, TensorView> views;
  for (const NamedTensor& tensor : file.tensors()) views[tensor.name] = tensor.view;
  ASSERT_EQ(views.size(), 4U);
  EXPECT_EQ(views["a.weight"].shape, (Shape{2, 3}));
  EXPECT_EQ(views["a.weight"].as<float>()[5], 5);
  EXPECT_EQ(views["a.bias"].dtype, DType::kBF16);
  EXPECT_EQ(to_f32(views["a.bias"]).as<float>()[1], -2);
  EXPECT_EQ(views["h"].dtype, DType::kF16);
  EXPECT_EQ(views["i"].shape, Shape{});
  EXPECT_EQ(*views["i"].as<std::int64_t>(), 3);
}

TEST(TorchFile, ReadsModulesAndParameters) {
  EXPECT_EQ(TorchFile(kCorpus + "module.bin").tensors().size(), 2U);
  EXPECT_EQ(TorchFile(kCorpus + "parameter.bin").tensors().at(0).name, "p");
}

TEST(TorchFile, IsPartOfAModelFolder) {
  const std::string folder = temp_path("torch");
  fs::create_directories(folder);
  fs::copy(kCorpus + "dict.bin", folder + "/pytorch_model.bin");
  const CheckpointReader reader(folder);
  EXPECT_EQ(reader.at("a.weight").as<float>()[4], 4);
  EXPECT_THAT(reader.file_of("a.weight"), HasSubstr("pytorch_model.bin"));
  reader.dont_need("a.weight");
  fs::remove_all(folder);
}

TEST(TorchFile, RefusesDamage) {
  const std::string whole = read_file(kCorpus + "dict.bin");
  // Aligned as a mapped file is.
  std::vector<std::uint64_t> memory(whole.size() / 8 + 1);
  const auto copy_of = [&](const std::string& text) {
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(memory.data()));
    return std::string_view(reinterpret_cast<const char*>(memory.data()), text.size());
  };
  EXPECT_EQ(read_torch_tensors(copy_of(whole), "x").size(), 4U);
  for (std::size_t size = 0; size < whole.size(); size += 7)
    EXPECT_THROW(read_torch_tensors(copy_of(whole.substr(0, size)), "x"), DataError) << size;
  // Every damaged byte gives tensors or an error.
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const char bit : {1, 16, -128}) {
      std::string text = whole;
      text[at] = static_cast<char>(text[at] ^ bit);
      try {
        read_torch_tensors(copy_of(text), "x");
      } catch (const DataError&) {
      }
    }
}

TEST(Pickle, ExecutesNothing) {
  EXPECT_THAT(error_of("\x80\x02"
                       "cos\nsystem\n(X\x02\0\0\0ls"),
              HasSubstr("os.system"));
  EXPECT_THAT(error_of(std::string("\x8c\x08"
                                   "builtins"
                                   "\x8c\x04"
                                   "eval"
                                   "\x93.",
                                   18)),
              HasSubstr("builtins.eval"));
  EXPECT_THAT(error_of("ctorch\nFloatStorage\n)R."), HasSubstr("it calls torch FloatStorage"));
  EXPECT_THAT(error_of("i"), HasSubstr("the instruction 0x69 is not read"));
}

TEST(Pickle, BombsAreRefused) {
  EXPECT_THAT(error_of(std::string(5'000'000, 'N')), HasSubstr("more than 4194304 values"));
  EXPECT_THAT(error_of(std::string(5'000'000, '(')), HasSubstr("it is cut"));
  // A text of 2^62 bytes, a tensor of 2^60 elements.
  EXPECT_THAT(error_of(std::string("\x8d\0\0\0\0\0\0\0\x40", 9)), HasSubstr("it is cut"));
  using std::string_literals::operator""s;
  const std::string storage = "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000NK\1tQ"s;
  const std::string function = "ctorch._utils\n_rebuild_tensor_v2\n";
  EXPECT_THAT(error_of(function + "(" + storage + "K\0\x8a\x08\0\0\0\0\0\0\0\x10\x85K\1\x85tR."s),
              HasSubstr("impossible shape"));
}

TEST(Pickle, RefusesWhatIsNoStateDict) {
  EXPECT_THAT(error_of("K\1."), HasSubstr("no dict of tensors"));
  EXPECT_THAT(error_of("}X\1\0\0\0aK\1s."), HasSubstr("it is cut"));
  EXPECT_THAT(error_of(std::string("}X\1\0\0\0aK\1s.", 11)), HasSubstr("a is no tensor"));
  EXPECT_THAT(error_of("s"), HasSubstr("finds nothing"));
  EXPECT_THAT(error_of("u"), HasSubstr("no mark"));
  EXPECT_THAT(error_of("h\1"), HasSubstr("did not remember"));
  EXPECT_THAT(error_of(""), HasSubstr("it is cut"));
}

}  // namespace
}  // namespace msmodelslim
