#include "runtime/generation_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

GenerationConfig read(const std::string& generation, const std::string& model = "{}") {
  const fs::path folder = temp_path("generation_config_read");
  fs::create_directories(folder);
  std::ofstream(folder / "generation_config.json") << generation;
  std::ofstream(folder / "config.json") << model;
  const auto done = [](const std::string* path) { fs::remove_all(*path); };
  const std::string name = folder.string();
  const std::unique_ptr<const std::string, decltype(done)> remover(&name, done);
  return read_generation_config(name);
}

TEST(GenerationConfig, TakesTheEndsOfConfigJsonWhenItHasNone) {
  EXPECT_EQ(read(R"({"eos_token_id": 5, "top_k": 20})", R"({"eos_token_id": 6})").end_ids,
            std::vector<std::int32_t>{5});
  EXPECT_EQ(read(R"({"top_k": 20})", R"({"eos_token_id": [6, 7]})").end_ids,
            (std::vector<std::int32_t>{6, 7}));
  EXPECT_EQ(read(R"({"top_k": 20})").params.top_k, 20);
}

TEST(GenerationConfig, RefusesFilesThatAreNoObject) {
  EXPECT_THAT([] { read("[]"); }, testing::ThrowsMessage<DataError>(testing::HasSubstr(
                                      "generation_config.json: is no JSON object")));
  EXPECT_THAT([] { read("{}", "3"); },
              testing::ThrowsMessage<DataError>(testing::HasSubstr("config.json: is no JSON")));
}

TEST(GenerationConfig, RefusesNumbersThatDoNotFit) {
  for (const char* text : {R"({"eos_token_id": 4294967301})", R"({"eos_token_id": [1, "2"]})",
                           R"({"top_k": 1e300})", R"({"temperature": "hot"})"})
    EXPECT_THAT([&] { read(text); },
                testing::ThrowsMessage<DataError>(testing::HasSubstr("expected a number")))
        << text;
}

}  // namespace
}  // namespace msmodelslim
