#include "runtime/llm.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "runtime/generation_config.h"
#include "shared_data.h"
#include "text/chat_template.h"

namespace msmodelslim {
namespace {

SamplingParams greedy(std::int64_t tokens) {
  SamplingParams params;
  params.temperature = 0;
  params.max_tokens = tokens;
  params.ignore_eos = true;
  return params;
}

TEST(Llm, AnswersAreThoseOfEachPromptAlone) {
  Llm llm(golden_dir() + "/models/qwen2");
  const SamplingParams params = greedy(8);
  const std::vector<std::string> prompts = {"Hello, my name is", "The future of AI is"};
  std::vector<std::string> streamed(2);
  const auto answers = llm.generate(
      prompts, params, [&](std::size_t i, const std::string& text) { streamed[i] += text; });
  ASSERT_EQ(answers.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(answers[i].prompt, prompts[i]);
    EXPECT_EQ(answers[i].text, streamed[i]);
    EXPECT_EQ(answers[i].text, llm.tokenizer().decode(answers[i].token_ids, true));
    EXPECT_EQ(answers[i].finish, Finish::kLength);
    EXPECT_EQ(llm.generate({prompts[i]}, params)[0].token_ids, answers[i].token_ids);
  }
  EXPECT_GT(llm.times().prompt_tokens, 0);
  EXPECT_GT(llm.times().decoded_tokens, 0);
}

TEST(Llm, ChatIsTheTemplatesText) {
  Llm llm(golden_dir() + "/models/qwen2");
  const SamplingParams params = greedy(4);
  const Completion answer = llm.chat({"Hello"}, params)[0];
  EXPECT_EQ(answer.prompt, "Hello");
  Conversation conversation;
  conversation.messages = Json::parse(R"([{"role": "user", "content": "Hello"}])");
  conversation.add_generation_prompt = true;
  const std::string text = ChatFormat::load(golden_dir() + "/models/qwen2").render(conversation);
  EXPECT_EQ(answer.prompt_ids, llm.tokenizer().encode(text, false));
  EXPECT_EQ(answer.text, llm.generate({text}, params)[0].text);
}

TEST(Llm, AStopStringEndsTheAnswer) {
  Llm llm(golden_dir() + "/models/qwen2");
  SamplingParams params = greedy(8);
  const Completion whole = llm.generate({"Hello"}, params)[0];
  ASSERT_GT(whole.text.size(), 4U);
  params.stop = {whole.text.substr(2, 2)};
  const Completion cut = llm.generate({"Hello"}, params)[0];
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(params.stop[0])));
  EXPECT_EQ(cut.finish, Finish::kStop);
}

class GenerationConfigTest : public testing::Test {
 protected:
  GenerationConfigTest() { fs::create_directories(folder_); }
  ~GenerationConfigTest() override { fs::remove_all(folder_); }
  void write(const char* name, const char* text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string folder_ = temp_path("generation_config");
};

TEST_F(GenerationConfigTest, Defaults) {
  const GenerationConfig config = read_generation_config(folder_);
  EXPECT_TRUE(config.end_ids.empty());
  EXPECT_EQ(config.params.temperature, 1.0);
}

TEST_F(GenerationConfigTest, ReadsWhatTheMakersSay) {
  write("config.json", R"({"eos_token_id": 9})");
  EXPECT_EQ(read_generation_config(folder_).end_ids, std::vector<std::int32_t>{9});
  write("generation_config.json",
        R"({"eos_token_id": [7, 8], "temperature": 0.7, "top_k": 20, "top_p": null})");
  const GenerationConfig config = read_generation_config(folder_);
  EXPECT_EQ(config.end_ids, (std::vector<std::int32_t>{7, 8}));
  EXPECT_EQ(config.params.temperature, 0.7);
  EXPECT_EQ(config.params.top_k, 20);
  EXPECT_EQ(config.params.top_p, 1.0);
}

TEST_F(GenerationConfigTest, OtherValuesAreErrors) {
  write("generation_config.json", R"({"eos_token_id": "</s>"})");
  EXPECT_THROW(read_generation_config(folder_), DataError);
  write("generation_config.json", R"({"temperature": "warm"})");
  EXPECT_THROW(read_generation_config(folder_), DataError);
}

}  // namespace
}  // namespace msmodelslim
