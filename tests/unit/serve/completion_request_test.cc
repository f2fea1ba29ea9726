#include "serve/completion_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

CompletionRequest read(const char* text) {
  SamplingParams defaults;
  defaults.temperature = 0.7;
  return read_completion_request(Json::parse(text), defaults);
}

std::string refusal(const char* text) {
  try {
    read(text);
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status, 400);
    return error.message;
  }
  return "";
}

TEST(CompletionRequest, QuickStartsOwn) {
  const CompletionRequest request = read(
      R"({"model": "m", "prompt": "what?", "max_tokens": 128, "top_p": 0.95, "top_k": 40, "temperature": 0.0})");
  EXPECT_EQ(request.model, "m");
  ASSERT_EQ(request.prompts.size(), 1U);
  EXPECT_EQ(std::get<std::string>(request.prompts[0]), "what?");
  EXPECT_EQ(request.params.max_tokens, 128);
  EXPECT_EQ(request.params.top_p, 0.95);
  EXPECT_EQ(request.params.top_k, 40);
  EXPECT_TRUE(request.params.greedy());
  EXPECT_FALSE(request.stream);
}

TEST(CompletionRequest, DefaultsAndNulls) {
  const CompletionRequest request =
      read(R"({"prompt": "a", "temperature": null, "stop": null, "seed": null, "unknown": 1})");
  EXPECT_EQ(request.params.temperature, 0.7);
  EXPECT_EQ(request.params.max_tokens, 16);
  EXPECT_FALSE(request.params.seed);
  EXPECT_FALSE(request.model);
}

TEST(CompletionRequest, EveryFormOfPrompts) {
  using Ids = std::vector<std::int32_t>;
  EXPECT_EQ(std::get<Ids>(read(R"({"prompt": [1, 2]})").prompts[0]), (Ids{1, 2}));
  const auto mixed = read(R"({"prompt": ["a", [3], "b"]})").prompts;
  ASSERT_EQ(mixed.size(), 3U);
  EXPECT_EQ(std::get<Ids>(mixed[1]), Ids{3});
  EXPECT_EQ(std::get<std::string>(mixed[2]), "b");
}

TEST(CompletionRequest, StopsAndOptions) {
  const CompletionRequest request = read(
      R"({"prompt": "a", "stop": ["x", "y"], "stop_token_ids": [5], "stream": true, "n": 3,
          "stream_options": {"include_usage": true}, "logprobs": 2, "echo": true, "seed": -1})");
  EXPECT_THAT(request.params.stop, testing::ElementsAre("x", "y"));
  EXPECT_THAT(request.params.stop_token_ids, testing::ElementsAre(5));
  EXPECT_TRUE(request.stream && request.include_usage && request.echo);
  EXPECT_EQ(request.n, 3);
  EXPECT_EQ(request.logprobs, 2);
  EXPECT_TRUE(request.params.seed);
  EXPECT_THAT(read(R"({"prompt": "a", "stop": "z"})").params.stop, testing::ElementsAre("z"));
}

TEST(CompletionRequest, WrongOnesNameTheField) {
  EXPECT_THAT(refusal("{}"), testing::HasSubstr("prompt"));
  EXPECT_THAT(refusal("[]"), testing::HasSubstr("object"));
  for (const char* prompt : {"7", "[]", "[1, \"a\"]", "[-1]", "[1.5]", "[null]", "{}"})
    EXPECT_THAT(refusal((std::string("{\"prompt\": ") + prompt + "}").c_str()),
                testing::HasSubstr("prompt"))
        << prompt;
  EXPECT_THAT(refusal(R"({"prompt": "a", "max_tokens": "many"})"),
              testing::HasSubstr("max_tokens"));
  EXPECT_THAT(refusal(R"({"prompt": "a", "max_tokens": -1})"), testing::HasSubstr("max_tokens"));
  EXPECT_THAT(refusal(R"({"prompt": "a", "n": 0})"), testing::HasSubstr("n:"));
  std::string many = "[\"a\"";
  for (int i = 1; i < 9; ++i) many += ", \"a\"";
  EXPECT_THAT(refusal(("{\"n\": 128, \"prompt\": " + many + "]}").c_str()),
              testing::HasSubstr("too many"));
  EXPECT_THAT(refusal(R"({"prompt": "a", "stop": [1]})"), testing::HasSubstr("stop"));
  EXPECT_THAT(refusal(R"({"prompt": "a", "stream": "yes"})"), testing::HasSubstr("stream"));
  EXPECT_THAT(refusal(R"({"prompt": "a", "stream_options": {}})"), testing::HasSubstr("stream"));
  EXPECT_THAT(refusal(R"({"prompt": "a", "model": 3})"), testing::HasSubstr("model"));
  EXPECT_THAT(refusal(R"({"prompt": "a", "logprobs": 21})"), testing::HasSubstr("logprobs"));
}

TEST(CompletionRequest, HugeNumbersAreRefused) {
  for (const char* field : {"n", "logprobs", "max_tokens", "top_k"})
    for (const char* value : {"1e300", "9223372036854775808"})
      EXPECT_NE(refusal(fmt::format(R"({{"prompt": "a", "{}": {}}})", field, value).c_str()), "")
          << field << " " << value;
  EXPECT_THAT(refusal(R"({"prompt": "a", "n": 1000000000})"), testing::HasSubstr("n"));
}

}  // namespace
}  // namespace msmodelslim
