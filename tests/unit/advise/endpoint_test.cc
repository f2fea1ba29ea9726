#include "advise/endpoint.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "advise/evaluate.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "serve/http_client.h"
#include "serve/http_server.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

// Answers every prompt with "#### <how often it was asked>", or as `broken` says.
class Endpoint : public testing::Test {
 protected:
  Endpoint()
      : server_({.port = 0},
                [this](HttpRequest request, std::shared_ptr<HttpReply> reply) {
                  reply->send(status_, "application/json", answer(request));
                }),
        thread_([this] { server_.run(); }) {
    evaluation_.asks_server = true;
    evaluation_.timeout = 5;
    evaluation_.base_url = fmt::format("http://127.0.0.1:{}/v1", server_.port());
  }
  ~Endpoint() override {
    server_.stop();
    thread_.join();
  }

  std::string answer(const HttpRequest& request) {
    if (request.path == "/v1/models") return R"({"data": [{"id": "the-model"}]})";
    const Json body = parse_json(request.body, "request");
    model_ = body.at("model");
    Json choices = Json::array();
    for (std::size_t i = 0; i < body.at("prompt").size(); ++i)
      choices.push_back({{"index", i}, {"text", fmt::format("so #### {}", ++asked_)}});
    if (broken_) choices.erase(0);
    return Json({{"choices", choices}}).dump();
  }

  TuneEvaluation evaluation_;
  int status_ = 200;
  bool broken_ = false;
  int asked_ = 0;
  std::string model_;
  HttpServer server_;
  std::thread thread_;
};

TEST_F(Endpoint, AnswersManyPrompts) {
  const auto texts = ask_endpoint(evaluation_, std::vector<std::string>(70, "hello"), {});
  ASSERT_EQ(texts.size(), 70U);
  EXPECT_EQ(texts[0], "so #### 1");
  EXPECT_EQ(texts[69], "so #### 70");
  EXPECT_EQ(model_, "the-model");
}

TEST_F(Endpoint, WhatIsNoAnswerIsAnError) {
  broken_ = true;
  EXPECT_THROW(ask_endpoint(evaluation_, {"a", "b"}, {}), DataError);
  broken_ = false;
  evaluation_.served_model_name = "x";
  status_ = 404;
  EXPECT_THROW(ask_endpoint(evaluation_, {"a"}, {}), DataError);
  evaluation_.base_url = "http://127.0.0.1:1/v1";
  EXPECT_THROW(ask_endpoint(evaluation_, {"a"}, {}), DataError);
  EXPECT_THROW(http_get("ftp://x", 1), UsageError);
}

TEST_F(Endpoint, ScoresGsm8k) {
  const std::string file = temp_path("gsm8k.jsonl");
  write_file_atomic(file,
                    "{\"question\": \"1?\", \"answer\": \"#### 1\"}\n"
                    "{\"question\": \"2?\", \"answer\": \"#### 7\"}\n");
  evaluation_.expectations = {{"gsm8k", 50, 0}};
  evaluation_.datasets["gsm8k"] = {file, "", 0, 0};
  const std::string folder = temp_path("endpoint");
  fs::create_directories(folder);
  EXPECT_DOUBLE_EQ(evaluate_folder(evaluation_, "no folder", folder).at("gsm8k"), 50);
  fs::remove(file);
}

}  // namespace
}  // namespace msmodelslim
