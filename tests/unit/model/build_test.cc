// Counts in config.json that the checkpoint does not bear out: errors, before memory is taken.
#include "model/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/source.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

std::string error_with(const std::string& model, const std::string& key, const Json& value) {
  const std::string folder = std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/" + model;
  const ModelConfig good = ModelConfig::read(folder);
  Json json = good.json();
  json[key] = value;
  try {
    build_model_spec({json, good.path()}, open_source(folder));
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(BuildModelSpec, LayersThatNoTensorBearsOutAreRefused) {
  for (const std::int64_t layers : {1000LL, 1000000000000LL})
    EXPECT_THAT(error_with("models/qwen2", "num_hidden_layers", layers),
                HasSubstr("counts " + std::to_string(layers) + " num_hidden_layers"));
}

TEST(BuildModelSpec, ExpertsThatNoTensorBearsOutAreRefused) {
  EXPECT_EQ(error_with("tiny/mixtral", "unused", 0), "no error");
  EXPECT_THAT(error_with("tiny/mixtral", "num_local_experts", 60000),
              HasSubstr("layers with their experts"));
  EXPECT_THAT(error_with("tiny/mixtral", "num_local_experts", 1LL << 40), HasSubstr("more than"));
}

TEST(BuildModelSpec, HeadsThatNoModelHasAreRefused) {
  EXPECT_THAT(error_with("models/qwen2", "num_attention_heads", 1LL << 40),
              HasSubstr("\"num_attention_heads\" is 1099511627776, more than"));
}

}  // namespace
}  // namespace msmodelslim
