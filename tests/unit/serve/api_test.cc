#include "serve/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "runtime/llm.h"
#include "serve/prompt_ids.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

// Keeps an answer for the test.
class Kept : public HttpReply {
 public:
  void send(int status, std::string_view, std::string body) override {
    status_ = status;
    body_ = std::move(body);
    done_.set_value();
  }
  void start_events() override { status_ = 200; }
  void event(std::string_view data) override { events_.emplace_back(data); }
  void end_events() override { done_.set_value(); }
  void on_gone(std::function<void()> gone) override { gone_ = std::move(gone); }

  void wait() {
    ASSERT_EQ(done_.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
  }
  Json json() const { return Json::parse(body_); }
  int status_ = 0;
  std::string body_;
  std::vector<std::string> events_;
  std::function<void()> gone_;

 private:
  std::promise<void> done_;
};

class ApiTest : public testing::Test {
 protected:
  ApiTest()
      : folder_(golden_dir() + "/models/qwen2"),
        tokenizer_(Tokenizer::load(folder_)),
        runner_(folder_, 64),
        worker_(runner_, {}),
        api_({model()}, "") {}
  ServedModel model() {
    ServedModel model{"small", tokenizer_, worker_, 64, {}, {}, {}, longest_token(tokenizer_)};
    model.defaults.temperature = 0;
    model.chat = std::make_shared<const ChatFormat>(ChatFormat::load(folder_));
    return model;
  }
  std::shared_ptr<Kept> ask(const std::string& method, const std::string& path,
                            const std::string& body = "", const std::string& key = "",
                            const Api* api = nullptr) {
    auto reply = std::make_shared<Kept>();
    (api != nullptr ? *api : api_).handle({method, path, key, body}, reply);
    reply->wait();
    return reply;
  }
  std::shared_ptr<Kept> complete(const std::string& body) {
    return ask("POST", "/v1/completions", body);
  }
  std::string folder_;
  Tokenizer tokenizer_;
  ModelRunner runner_;
  Worker worker_;
  Api api_;
};

TEST_F(ApiTest, CompletionIsWhatTheModelSays) {
  const auto reply =
      complete(R"({"model": "small", "prompt": "Hello, my name is", "max_tokens": 5})");
  EXPECT_EQ(reply->status_, 200);
  const Json json = reply->json();
  EXPECT_EQ(json["object"], "text_completion");
  EXPECT_EQ(json["model"], "small");
  EXPECT_EQ(json["choices"][0]["finish_reason"], "length");
  EXPECT_TRUE(json["choices"][0]["logprobs"].is_null());
  EXPECT_EQ(json["usage"]["completion_tokens"], 5);
  Llm llm(folder_);
  SamplingParams params;
  params.temperature = 0;
  params.max_tokens = 5;
  const Completion alone = llm.generate({"Hello, my name is"}, params)[0];
  EXPECT_EQ(json["choices"][0]["text"], alone.text);
  EXPECT_EQ(json["usage"]["prompt_tokens"], alone.prompt_ids.size());
}

TEST_F(ApiTest, StreamedPiecesJoinToTheAnswer) {
  const Json whole = complete(R"({"prompt": ["Hello", "it is"], "max_tokens": 6})")->json();
  const auto stream = complete(
      R"({"prompt": ["Hello", "it is"], "max_tokens": 6, "stream": true,
          "stream_options": {"include_usage": true}})");
  ASSERT_GT(stream->events_.size(), 3U);
  EXPECT_EQ(stream->events_.back(), "[DONE]");
  stream->events_.pop_back();
  const Json usage = Json::parse(stream->events_.back());
  EXPECT_EQ(usage["usage"], whole["usage"]);
  EXPECT_TRUE(usage["choices"].empty());
  stream->events_.pop_back();
  std::string texts[2];
  std::string ends[2];
  for (const std::string& event : stream->events_) {
    const Json choice = Json::parse(event)["choices"][0];
    const auto index = choice["index"].get<std::size_t>();
    texts[index] += choice["text"].get<std::string>();
    if (!choice["finish_reason"].is_null()) ends[index] = choice["finish_reason"];
  }
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(texts[i], whole["choices"][i]["text"]);
    EXPECT_EQ(ends[i], "length");
  }
}

TEST_F(ApiTest, EchoWithLogprobsScoresThePrompt) {
  const Json choice =
      complete(R"({"prompt": [10, 11, 12], "max_tokens": 1, "echo": true, "logprobs": 1})")
          ->json()["choices"][0];
  const Json& lists = choice["logprobs"];
  ASSERT_EQ(lists["tokens"].size(), 4U);
  EXPECT_TRUE(lists["token_logprobs"][0].is_null());
  EXPECT_LT(lists["token_logprobs"][1].get<double>(), 0);
  EXPECT_EQ(lists["text_offset"][0], 0);
  const Json none =
      complete(R"({"prompt": [10, 11, 12], "max_tokens": 0, "echo": true, "logprobs": 1})")
          ->json()["choices"][0];
  EXPECT_EQ(none["logprobs"]["tokens"].size(), 3U);
  EXPECT_EQ(none["logprobs"]["token_logprobs"][2], lists["token_logprobs"][2]);
}

TEST_F(ApiTest, PromptLogprobsAreThoseOfTheEcho) {
  const Json choice =
      complete(R"({"prompt": [10, 11, 12], "max_tokens": 1, "echo": true, "logprobs": 2,
                   "prompt_logprobs": 1})")
          ->json()["choices"][0];
  const Json& list = choice["prompt_logprobs"];
  ASSERT_EQ(list.size(), 3U);
  EXPECT_TRUE(list[0].is_null());
  EXPECT_EQ(list[1].begin().key(), "11");
  EXPECT_EQ(list[1]["11"]["logprob"], choice["logprobs"]["token_logprobs"][1]);
  EXPECT_EQ(list[1]["11"]["decoded_token"], choice["logprobs"]["tokens"][1]);
  EXPECT_GE(list[1]["11"]["rank"], 1);
  EXPECT_LE(list[1].size(), 2U);
  const Json chat =
      ask("POST", "/v1/chat/completions",
          R"({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "prompt_logprobs": 0})")
          ->json();
  EXPECT_EQ(chat["prompt_logprobs"].size(), chat["usage"]["prompt_tokens"]);
  EXPECT_EQ(complete(R"({"prompt": "a", "prompt_logprobs": 1, "stream": true})")->status_, 400);
}

TEST_F(ApiTest, ChatAnswersTheConversation) {
  const std::string messages =
      R"("messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "Hi"}])";
  const auto reply = ask("POST", "/v1/chat/completions",
                         "{\"model\": \"small\", " + messages +
                             R"(, "max_tokens": 5, "logprobs": true, "top_logprobs": 2})");
  EXPECT_EQ(reply->status_, 200);
  const Json json = reply->json();
  EXPECT_EQ(json["object"], "chat.completion");
  const Json& choice = json["choices"][0];
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_EQ(choice["finish_reason"], "length");
  ASSERT_EQ(choice["logprobs"]["content"].size(), 5U);
  EXPECT_EQ(choice["logprobs"]["content"][0]["top_logprobs"].size(), 2U);
  // The same text as a completion.
  Conversation conversation;
  conversation.messages = Json::parse("{" + messages + "}")["messages"];
  conversation.add_generation_prompt = true;
  const std::string text = model().chat->render(conversation);
  const Json plain =
      complete(Json{{"prompt", tokenizer_.encode(text, false)}, {"max_tokens", 5}}.dump())->json();
  EXPECT_EQ(choice["message"]["content"], plain["choices"][0]["text"]);
  EXPECT_EQ(json["usage"], plain["usage"]);

  const auto stream =
      ask("POST", "/v1/chat/completions", "{" + messages + R"(, "max_tokens": 5, "stream": true})");
  std::string content;
  EXPECT_EQ(stream->events_.back(), "[DONE]");
  EXPECT_EQ(Json::parse(stream->events_[0])["choices"][0]["delta"]["role"], "assistant");
  for (std::size_t i = 0; i + 1 < stream->events_.size(); ++i) {
    const Json event = Json::parse(stream->events_[i]);
    EXPECT_EQ(event["object"], "chat.completion.chunk");
    content += event["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(content, choice["message"]["content"]);
}

const char* const kToolRequest =
    R"("messages": [{"role": "user", "content": "Hi"}], "max_tokens": 40,
       "tools": [{"type": "function", "function": {"name": "f"}},
                 {"type": "function", "function": {"name": "g"}}])";

TEST_F(ApiTest, ToolCallsAreEnforced) {
  ServedModel with_tools = model();
  with_tools.format.tools = ToolFormat::kHermes;
  const Api api({with_tools}, "");
  const std::string named = R"(, "tool_choice": {"type": "function", "function": {"name": "g"}})";
  const std::string required = R"(, "tool_choice": "required")";
  const auto chat = [&](const std::string& fields) {
    return ask("POST", "/v1/chat/completions", "{" + (kToolRequest + fields) + "}", "", &api);
  };
  const Json message = chat(named)->json()["choices"][0]["message"];
  ASSERT_EQ(message["tool_calls"].size(), 1U);
  EXPECT_EQ(message["tool_calls"][0]["function"]["name"], "g");
  const Json any = chat(required)->json()["choices"][0]["message"];
  EXPECT_THAT(any["tool_calls"][0]["function"]["name"], testing::AnyOf("f", "g"));

  const auto stream = chat(named + R"(, "stream": true)");
  std::string arguments;
  std::string name;
  for (std::size_t i = 0; i + 1 < stream->events_.size(); ++i) {
    const Json delta = Json::parse(stream->events_[i])["choices"][0]["delta"];
    for (const Json& call : delta.value("tool_calls", Json::array())) {
      name += call["function"].value("name", "");
      arguments += call["function"]["arguments"].get<std::string>();
    }
  }
  EXPECT_EQ(name, "g");
  EXPECT_EQ(arguments, message["tool_calls"][0]["function"]["arguments"]);
}

TEST_F(ApiTest, ToolsThatTheTemplateHasNoWordsForAreRefused) {
  const auto chat = [&](const std::string& fields) {
    return ask("POST", "/v1/chat/completions", "{" + (kToolRequest + fields) + "}");
  };
  EXPECT_EQ(chat("")->status_, 400);
  EXPECT_THAT(chat("")->body_, testing::HasSubstr("--tool-call-parser"));
  EXPECT_EQ(chat(R"(, "tool_choice": "none")")->status_, 200);
}

TEST_F(ApiTest, TwoModels) {
  ServedModel other = model();
  other.name = "float";
  const Api api({model(), other}, "");
  const Json list = ask("GET", "/v1/models", "", "", &api)->json()["data"];
  EXPECT_EQ(list[0]["id"], "small");
  EXPECT_EQ(list[1]["id"], "float");
  const auto model_of = [&](const char* body) {
    return ask("POST", "/v1/completions", body, "", &api)->json().value("model", "");
  };
  EXPECT_EQ(model_of(R"({"model": "float", "prompt": "a", "max_tokens": 1})"), "float");
  EXPECT_EQ(model_of(R"({"prompt": "a", "max_tokens": 1})"), "small");
}

TEST_F(ApiTest, ChatGoesUpToTheModelsLength) {
  const Json json =
      ask("POST", "/v1/chat/completions", R"({"messages": [{"role": "user", "content": "Hi"}]})")
          ->json();
  EXPECT_LE(json["usage"]["total_tokens"], 64);
  if (json["choices"][0]["finish_reason"] == "length") {
    EXPECT_EQ(json["usage"]["total_tokens"], 64);
  }
}

TEST_F(ApiTest, WrongConversationsAreRefused) {
  for (const char* body :
       {R"({})", R"({"messages": []})", R"({"messages": ["a"]})",
        R"({"messages": [{"content": "a"}]})", R"({"messages": [{"role": "user", "content": 1}]})",
        R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})",
        R"({"messages": [{"role": "user", "content": "a"}], "tools": 1})",
        R"({"messages": [{"role": "user", "content": "a"}], "max_completion_tokens": 0})",
        R"({"messages": [{"role": "user", "content": "a"}], "logprobs": 1})",
        R"({"messages": [{"role": "user", "content": "a"}], "chat_template_kwargs": []})"})
    EXPECT_EQ(ask("POST", "/v1/chat/completions", body)->status_, 400) << body;
  ServedModel plain = model();
  plain.chat = nullptr;
  const Api without({plain}, "");
  EXPECT_EQ(ask("POST", "/v1/chat/completions",
                R"({"messages": [{"role": "user", "content": "a"}]})", "", &without)
                ->status_,
            400);
}

TEST_F(ApiTest, SeveralAnswersDifferBySeed) {
  const std::string body =
      R"({"prompt": "Hello", "max_tokens": 12, "n": 2, "temperature": 5.0, "seed": 4})";
  const Json first = complete(body)->json();
  ASSERT_EQ(first["choices"].size(), 2U);
  EXPECT_NE(first["choices"][0]["text"], first["choices"][1]["text"]);
  EXPECT_EQ(complete(body)->json()["choices"], first["choices"]);
}

TEST_F(ApiTest, WhatCannotBeAnsweredIsRefused) {
  const auto refused = [&](const char* body, int status, const char* words) {
    const auto reply = complete(body);
    EXPECT_EQ(reply->status_, status) << body;
    const Json error = reply->json()["error"];
    EXPECT_EQ(error["code"], status);
    EXPECT_THAT(error["message"].get<std::string>(), testing::HasSubstr(words));
  };
  refused(R"({"prompt")", 400, "JSON");
  refused(R"({"model": "other", "prompt": "a"})", 404, "`other` does not exist");
  refused(R"({"prompt": "a", "max_tokens": 64})", 400, "maximum context length is 64");
  EXPECT_GE(longest_token(tokenizer_), 2);
  const std::string endless = R"({"prompt": ")" + std::string(64 * 300, 'a') + "\"}";
  refused(endless.c_str(), 400, "19200 characters");
  refused(R"({"prompt": [], "max_tokens": 4})", 400, "prompt");
  refused(R"({"prompt": [[]], "max_tokens": 4})", 400, "no tokens");
  refused(R"({"prompt": [999999], "max_tokens": 4})", 400, "outside the vocabulary");
  refused(R"({"prompt": "a", "top_p": 3})", 400, "top_p");
  refused(R"({"prompt": "a", "max_tokens": 0})", 400, "echo");
}

TEST_F(ApiTest, RoutesAndKeys) {
  EXPECT_EQ(ask("GET", "/health")->status_, 200);
  EXPECT_THAT(ask("GET", "/")->body_, testing::StartsWith("<!doctype html>"));
  EXPECT_EQ(ask("POST", "/")->status_, 405);
  EXPECT_EQ(ask("GET", "/v1/models")->json()["data"][0]["id"], "small");
  EXPECT_EQ(ask("POST", "/v1/models")->status_, 405);
  EXPECT_EQ(ask("GET", "/v2")->status_, 404);
  EXPECT_EQ(ask("GET", "/\xff")->status_, 404);
  complete(R"({"prompt": "a", "max_tokens": 2})");
  EXPECT_THAT(ask("GET", "/metrics")->body_,
              testing::HasSubstr("msmodelslim_generation_tokens_total{model_name=\"small\"} 2\n"));
  const Api locked({model()}, "secret");
  EXPECT_EQ(ask("GET", "/v1/models", "", "", &locked)->status_, 401);
  EXPECT_EQ(ask("GET", "/v1/models", "", "Bearer secre", &locked)->status_, 401);
  EXPECT_EQ(ask("GET", "/v1/models", "", "Bearer secrex", &locked)->status_, 401);
  EXPECT_EQ(ask("GET", "/v1/models", "", "Bearer secret", &locked)->status_, 200);
  EXPECT_EQ(ask("GET", "/health", "", "", &locked)->status_, 200);
}

TEST_F(ApiTest, AClientThatLeavesStopsItsAnswer) {
  auto reply = std::make_shared<Kept>();
  api_.handle({"POST", "/v1/completions", "", R"({"prompt": "a", "max_tokens": 60, "n": 8})"},
              reply);
  reply->gone_();
  while (worker_.counts().running > 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(worker_.counts().requests, 8);
}

}  // namespace
}  // namespace msmodelslim
