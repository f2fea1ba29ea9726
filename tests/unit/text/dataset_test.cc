#include "text/dataset.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "unit/text/small_tokenizers.h"

namespace msmodelslim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Lists = std::vector<std::vector<std::int32_t>>;

template <typename Kind>
std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Kind& error) {
    EXPECT_FALSE(error.remedy().empty());
    return std::string(error.what()) + " / " + error.remedy();
  }
  return "no error";
}

std::vector<std::string> texts(const std::vector<CalibSample>& samples) {
  std::vector<std::string> result;
  for (const CalibSample& sample : samples) result.push_back(sample.text);
  return result;
}

TEST(Dataset, JsonlTakesTheFirstKnownKey) {
  const auto samples = parse_calib_jsonl(
      "{\"prompt\": \"p\", \"inputs_pretokenized\": \"i\"}\n\n  \r\n{\"prompt\": \"p\"}\n"
      "\"plain\"\n{\"text\": \"t\", \"prompt\": \"p\"}",
      "x.jsonl");
  EXPECT_THAT(texts(samples), ElementsAre("i", "p", "plain", "t"));
}

TEST(Dataset, LineWithoutKnownKeyIsItselfTheText) {
  EXPECT_THAT(texts(parse_calib_jsonl("{\"q\": 1}\r\n{\"q\": 2}", "x.jsonl")),
              ElementsAre("{\"q\": 1}\n", "{\"q\": 2}"));
}

TEST(Dataset, IdsNeedNoTokenizer) {
  const std::vector<CalibSample> ids = {{"", {3, 1, 2}}, {"", {5, 6}}};
  EXPECT_TRUE(holds_ids_only(ids));
  EXPECT_FALSE(holds_ids_only({{"", {3}}, {"text", {}}}));
  CalibOptions options;
  options.max_tokens = 4;
  EXPECT_EQ(ids_of_calib_set(ids, options), (Lists{{3, 1, 2}, {5}}));
  options.vocab_size = 3;
  EXPECT_THAT(error_of<DataError>([&] { ids_of_calib_set(ids, options); }),
              HasSubstr("token id 3 is outside"));
}

TEST(Dataset, InputIdsAreUsedAsTheyAre) {
  const auto samples = parse_calib_jsonl("{\"input_ids\": [3, 1, 2]}", "x.jsonl");
  EXPECT_THAT(samples.at(0).input_ids, ElementsAre(3, 1, 2));
  for (const char* ids : {"[]", "[-1]", "[1.5]", "[[1]]", "3", "[4294967296]", "[\"a\"]"})
    EXPECT_THAT(error_of<DataError>([&] {
                  parse_calib_jsonl(fmt::format("{{\"input_ids\": {}}}", ids), "x.jsonl");
                }),
                HasSubstr("x.jsonl: line 1: \"input_ids\" must be a list of token ids"));
}

TEST(Dataset, SamplesMayBeListsOfIds) {
  for (const auto& samples :
       {parse_calib_jsonl("[3, 1]\n{\"tokens\": [2]}\n{\"input_ids\": [4]}", "x.jsonl"),
        parse_calib_json("[[3, 1], {\"tokens\": [2]}, {\"input_ids\": [4]}]", "x.json")}) {
    EXPECT_TRUE(holds_ids_only(samples));
    EXPECT_EQ(ids_of_calib_set(samples, {}), (Lists{{3, 1}, {2}, {4}}));
  }
  EXPECT_THAT(error_of<DataError>([] { parse_calib_jsonl("[1]\n\n[]", "x.jsonl"); }),
              HasSubstr("x.jsonl: line 3: a sample must be a list of token ids, found an empty"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_json("[[1], [2, -1]]", "x.json"); }),
              HasSubstr("x.json: element 1: a sample must be a list of token ids, found -1"));
  // A count of tokens is not a list of them.
  EXPECT_FALSE(holds_ids_only(parse_calib_jsonl("{\"tokens\": 12}", "x.jsonl")));
}

TEST(Dataset, TextsAndIdsDoNotMix) {
  EXPECT_THAT(error_of<DataError>([] { parse_calib_jsonl("[1]\n\"a\"", "x.jsonl"); }),
              HasSubstr("x.jsonl: line 2: a text in a set that begins with token ids"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_json("[\"a\", [1]]", "x.json"); }),
              HasSubstr("x.json: element 1: token ids in a set that begins with a text"));
}

TEST(Dataset, IdOutsideTheVocabularyNamesTheLine) {
  CalibOptions options;
  options.vocab_size = 8;
  const auto samples = parse_calib_jsonl("[1]\n[7, 8]", "x.jsonl");
  EXPECT_THAT(error_of<DataError>([&] { ids_of_calib_set(samples, options); }),
              HasSubstr("x.jsonl: line 2: token id 8 is outside the model's vocabulary of 8"));
}

TEST(Dataset, JsonIsOneList) {
  EXPECT_THAT(texts(parse_calib_json("\xEF\xBB\xBF[\"a\", {\"prompt\": \"b\"}]", "x.json")),
              ElementsAre("a", "b"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_json("{}", "x.json"); }),
              HasSubstr("expected a JSON list, found object"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_json("[\"a\", 3]", "x.json"); }),
              HasSubstr("x.json: element 1: a sample must be a string, a list"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_json("[{\"q\": 1}]", "x.json"); }),
              HasSubstr("element 0: the object has no text"));
}

TEST(Dataset, BadContentNamesTheLine) {
  EXPECT_THAT(error_of<DataError>([] { parse_calib_jsonl("\"a\"\n\n{\"b\"", "x.jsonl"); }),
              HasSubstr("x.jsonl: line 3"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_jsonl("\"\xFF\"", "x.jsonl"); }),
              HasSubstr("x.jsonl: line 1"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_jsonl("{\"text\": 5}", "x.jsonl"); }),
              HasSubstr("\"text\" must be a string"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_jsonl("\n \n", "x.jsonl"); }),
              HasSubstr("has no samples"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_jsonl(std::string(100000, '['), "x.jsonl"); }),
              HasSubstr("x.jsonl: line 1"));
  EXPECT_THAT(error_of<DataError>([] { parse_calib_json("[]", "x.json"); }),
              HasSubstr("has no samples"));
  EXPECT_THAT(error_of<UsageError>([] { parse_calib_jsonl("{\"messages\": []}", "x.jsonl"); }),
              HasSubstr("chat messages are not supported"));
}

TEST(Dataset, TokenizesWithSpecialTokensAndLimits) {
  const Tokenizer tokenizer = Tokenizer::from_json(small_sentencepiece().dump(), "test.json");
  const std::vector<CalibSample> samples = {{"ab abc", {}}, {"", {7, 8}}, {"a", {}}};
  EXPECT_EQ(tokenize_calib_set(samples, tokenizer, {}), (Lists{{1, 11, 9, 12}, {7, 8}, {1, 9}}));
  CalibOptions options;
  options.max_samples = 1;
  EXPECT_EQ(tokenize_calib_set(samples, tokenizer, options), (Lists{{1, 11, 9, 12}}));
  options = {};
  options.max_tokens = 5;
  EXPECT_EQ(tokenize_calib_set(samples, tokenizer, options), (Lists{{1, 11, 9, 12}, {7}}));
  options.max_tokens = 4;
  EXPECT_EQ(tokenize_calib_set(samples, tokenizer, options), (Lists{{1, 11, 9, 12}}));
  options = {};
  options.vocab_size = 12;
  EXPECT_THAT(error_of<DataError>([&] { tokenize_calib_set(samples, tokenizer, options); }),
              HasSubstr("sample 0: token id 12 is outside the model's vocabulary of 12"));
}

TEST(Dataset, SamplesWithoutTokensAreLeftOut) {
  const Tokenizer tokenizer = Tokenizer::from_json(small_byte_level().dump(), "test.json");
  EXPECT_EQ(tokenize_calib_set({{"", {}}, {"h", {}}}, tokenizer, {}), (Lists{{71}}));
  EXPECT_THAT(error_of<DataError>([&] {
                tokenize_calib_set({{"", {}}}, tokenizer, {});
              }),
              HasSubstr("tokenizes to nothing"));
}

class CalibPath : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "dataset_test_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    fs::create_directories(folder_ / "calib");
    for (const char* file : {"mix.jsonl", "both.jsonl", "both.json", "list.json", "note.txt"})
      std::ofstream(folder_ / "calib" / file) << "\"a\"\n";
    setenv("MSMODELSLIM_SHARE", folder_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("MSMODELSLIM_SHARE");
    fs::remove_all(folder_);
  }
  std::string shipped(const char* name) const { return (folder_ / "calib" / name).string(); }

  fs::path folder_;
};

TEST_F(CalibPath, FindsShippedSetsUnderAllTheirNames) {
  for (const char* name : {"mix.jsonl", "mix", "lab_calib/mix.jsonl", "example/common/mix.jsonl",
                           "../lab_calib/mix.jsonl", "/opt/x/lab_calib/mix.jsonl"})
    EXPECT_EQ(resolve_calib_path(name), shipped("mix.jsonl")) << name;
  EXPECT_EQ(resolve_calib_path("both"), shipped("both.jsonl"));
  EXPECT_EQ(resolve_calib_path("list"), shipped("list.json"));
}

TEST_F(CalibPath, AFileAsGivenWins) {
  const std::string path = shipped("note.txt");
  EXPECT_EQ(resolve_calib_path(path), path);
}

TEST_F(CalibPath, AnErrorListsTheShippedSets) {
  for (const char* name : {"other", "", "/nowhere/mix.jsonl", "xlab_calib/mix.jsonl"})
    EXPECT_THAT(error_of<UsageError>([&] { resolve_calib_path(name); }),
                HasSubstr("both.json, both.jsonl, list.json, mix.jsonl"))
        << name;
}

TEST_F(CalibPath, ReadsByTheSuffix) {
  EXPECT_THAT(texts(read_calib_set(shipped("mix.jsonl"))), ElementsAre("a"));
  EXPECT_THROW(read_calib_set(shipped("list.json")), DataError);
  EXPECT_THROW(read_calib_set(shipped("note.txt")), UsageError);
  EXPECT_THROW(read_calib_set(shipped("gone.jsonl")), DataError);
}

// Batches of the Python tool's scripts (pdmix): every string is a sample.
TEST(Dataset, ListsOfListsAreBatches) {
  const auto samples = parse_calib_json(R"([["a", "b"], ["c"]])", "x.json");
  ASSERT_EQ(samples.size(), 3U);
  EXPECT_EQ(samples[2].text, "c");
  EXPECT_THROW(parse_calib_json(R"([["a", 3]])", "x.json"), DataError);
}

TEST(Dataset, CutsTextsIntoPieces) {
  const auto pieces = cut_samples({{"ab\u00e9de", {}}, {"", {}}}, 2);
  ASSERT_EQ(pieces.size(), 4U);
  EXPECT_EQ(pieces[1].text, "\u00e9d");
  EXPECT_EQ(pieces[2].text, "e");
  EXPECT_EQ(pieces[3].text, "");
}

}  // namespace
}  // namespace msmodelslim
