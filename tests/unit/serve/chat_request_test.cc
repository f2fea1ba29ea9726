#include "serve/chat_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/chat_messages.h"

namespace msmodelslim {
namespace {

const char* const kTools =
    R"("tools": [{"type": "function", "function": {"name": "f", "parameters": {}}},
                 {"type": "function", "function": {"name": "g"}}])";

ChatRequest read(const std::string& fields) {
  const std::string body = R"({"messages": [{"role": "user", "content": "a"}], )" + fields + "}";
  return read_chat_request(Json::parse(body), {});
}

std::string refusal(const std::string& fields) {
  try {
    read(fields);
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status, 400);
    return error.message;
  }
  return "";
}

Json messages_of(const char* text) { return read_messages(Json::parse(text)); }

TEST(ChatRequest, ToolChoices) {
  const std::string tools = kTools;
  EXPECT_EQ(read(tools).tool_choice, ToolChoice::kAuto);
  EXPECT_EQ(read(tools + R"(, "tool_choice": "auto")").tool_choice, ToolChoice::kAuto);
  const ChatRequest none = read(tools + R"(, "tool_choice": "none")");
  EXPECT_EQ(none.tool_choice, ToolChoice::kNone);
  EXPECT_TRUE(none.conversation.tools.is_null());
  const ChatRequest required = read(tools + R"(, "tool_choice": "required")");
  EXPECT_EQ(required.tool_choice, ToolChoice::kRequired);
  EXPECT_THAT(required.callable, testing::ElementsAre("f", "g"));
  EXPECT_EQ(required.conversation.tools.size(), 2U);
  const ChatRequest named =
      read(tools + R"(, "tool_choice": {"type": "function", "function": {"name": "g"}})");
  EXPECT_EQ(named.tool_choice, ToolChoice::kRequired);
  EXPECT_THAT(named.callable, testing::ElementsAre("g"));
  EXPECT_FALSE(named.one_call);
  EXPECT_TRUE(read(tools + R"(, "parallel_tool_calls": false)").one_call);
  EXPECT_EQ(read(R"("tools": [])").tool_choice, ToolChoice::kNone);
}

TEST(ChatRequest, WrongToolsAreRefused) {
  const std::string tools = kTools;
  EXPECT_THAT(refusal(R"("tool_choice": "required")"), testing::HasSubstr("with tools only"));
  EXPECT_THAT(refusal(tools + R"(, "tool_choice": "any")"), testing::HasSubstr("\"required\""));
  EXPECT_THAT(
      refusal(tools + R"(, "tool_choice": {"type": "function", "function": {"name": "h"}})"),
      testing::HasSubstr("no \"h\""));
  EXPECT_THAT(refusal(R"("tools": [{"type": "function"}])"), testing::HasSubstr("tools"));
  EXPECT_THAT(refusal(R"("tools": [{"type": "function", "function": {"name": "a b"}}])"),
              testing::HasSubstr("letters"));
  EXPECT_THAT(refusal(R"("response_format": {"type": "json_object"})"),
              testing::HasSubstr("response_format"));
}

TEST(ChatMessages, EarlierCalls) {
  const Json messages = messages_of(R"({"messages": [
    {"role": "assistant", "content": null,
     "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}},
                    {"function": {"name": "g", "arguments": ""}}]},
    {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "2"}]},
    {"role": "assistant", "content": "x", "tool_calls": []}]})");
  EXPECT_EQ(messages[0]["tool_calls"][0]["function"]["arguments"]["a"], 1);
  EXPECT_EQ(messages[0]["tool_calls"][1]["function"]["arguments"], Json::object());
  EXPECT_EQ(messages[1]["content"], "2");
  EXPECT_TRUE(messages[2]["tool_calls"].is_null());
  EXPECT_EQ(with_argument_texts(messages)[0]["tool_calls"][0]["function"]["arguments"],
            "{\"a\":1}");
  for (const char* call : {R"(1)", R"([1])", R"([{"function": {}}])",
                           R"([{"function": {"name": "f", "arguments": "{"}}])",
                           R"([{"function": {"name": "f", "arguments": "[]"}}])"})
    EXPECT_THROW(messages_of((std::string(R"({"messages": [{"role": "assistant", "tool_calls": )") +
                              call + "}]}")
                                 .c_str()),
                 ApiError)
        << call;
}

}  // namespace
}  // namespace msmodelslim
