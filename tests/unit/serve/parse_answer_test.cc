#include "serve/parse_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/chat_answer.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;

struct Case {
  const char* about;
  ToolFormat tools;
  ReasoningFormat reasoning;
  std::string text;
  std::string reasoned;
  std::string content;
  std::vector<std::pair<std::string, std::string>> calls;
};

AnswerRules rules_of(const Case& one) {
  AnswerRules rules;
  rules.format = {one.tools, one.reasoning};
  rules.known_tools = {"f", "get_weather"};
  return rules;
}

constexpr auto kNoTools = ToolFormat::kNone;
constexpr auto kPlain = ReasoningFormat::kNone;
constexpr auto kThink = ReasoningFormat::kThink;

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"plain",
       kNoTools,
       kPlain,
       "<think>a</think> <tool_call>{}",
       "",
       "<think>a</think> <tool_call>{}",
       {}},
      {"reasoning",
       kNoTools,
       kThink,
       "<think>\nWell, a < b.\n</think>\n\nYes.",
       "Well, a < b.",
       "Yes.",
       {}},
      {"no reasoning", kNoTools, kThink, " No <think> here", "", " No <think> here", {}},
      {"empty reasoning", kNoTools, kThink, "<think>\n\n</think>\n\nYes", "", "Yes", {}},
      {"cut off reasoning", kNoTools, kThink, "<think>so </thin", "so </thin", "", {}},
      {"Mistral's reasoning",
       ToolFormat::kMistralArgs,
       ReasoningFormat::kMistral,
       "[THINK]so[/THINK][TOOL_CALLS]f[ARGS]{\"a\": 1}",
       "so",
       "",
       {{"f", "{\"a\": 1}"}}},
      {"Hermes",
       ToolFormat::kHermes,
       kPlain,
       "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"}\\\"\"]}}\n</tool_call>",
       "",
       "",
       {{"f", "{\"a\": [1, \"}\\\"\"]}"}}},
      {"two after words",
       ToolFormat::kHermes,
       kThink,
       "<think>hm</think>Let me look.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n"
       "</tool_call>\n<tool_call>\n{\"arguments\": {\"x\": null}, \"name\": \"g\"}\n</tool_call>",
       "hm",
       "Let me look.",
       {{"f", "{}"}, {"g", "{\"x\": null}"}}},
      {"quoted arguments",
       ToolFormat::kHermes,
       kPlain,
       "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 2}\"}</tool_call>",
       "",
       "",
       {{"f", "{\"a\": 2}"}}},
      {"no arguments",
       ToolFormat::kHermes,
       kPlain,
       "<tool_call>{\"name\": \"f\"}</tool_call> x",
       "",
       "x",
       {{"f", "{}"}}},
      {"no end mark",
       ToolFormat::kHermes,
       kPlain,
       "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}",
       "",
       "",
       {{"f", "{\"a\": 1}"}}},
      {"cut off",
       ToolFormat::kHermes,
       kPlain,
       "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"lon",
       "",
       "",
       {{"f", "{\"a\": \"lon"}}},
      {"no call",
       ToolFormat::kHermes,
       kPlain,
       "see  <tool_call>f(1)</tool_call> ok ",
       "",
       "see  <tool_call>f(1)</tool_call> ok ",
       {}},
      {"JSON but no call",
       ToolFormat::kHermes,
       kPlain,
       "<tool_call>{\"nam\": 1}</tool_call>",
       "",
       "<tool_call>{\"nam\": 1}</tool_call>",
       {}},
      {"Llama",
       ToolFormat::kLlama,
       kPlain,
       "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}",
       "",
       "",
       {{"get_weather", "{\"city\": \"Paris\"}"}}},
      {"Llama, tag and two",
       ToolFormat::kLlama,
       kPlain,
       "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"f\", \"parameters\": "
       "{\"a\":1}}",
       "",
       "",
       {{"f", "{}"}, {"f", "{\"a\":1}"}}},
      {"Llama's code", ToolFormat::kLlama, kPlain, "<|python_tag|>print(1)", "", "print(1)", {}},
      {"Llama's words", ToolFormat::kLlama, kPlain, "The set {1, 2}.", "", "The set {1, 2}.", {}},
      {"JSON that was asked for",
       ToolFormat::kLlama,
       kPlain,
       "{\"name\": \"Bob\", \"parameters\": {}}",
       "",
       "{\"name\": \"Bob\", \"parameters\": {}}",
       {}},
      {"Mistral",
       ToolFormat::kMistral,
       kPlain,
       "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": 1}}, {\"name\": \"g\", "
       "\"arguments\": "
       "{}}]",
       "",
       "",
       {{"f", "{\"a\": 1}"}, {"g", "{}"}}},
      {"Mistral by name",
       ToolFormat::kMistralArgs,
       kPlain,
       "Ok[TOOL_CALLS]f{\"a\": 1}[TOOL_CALLS]g[CALL_ID]abcdefghi[ARGS]{}",
       "",
       "Ok",
       {{"f", "{\"a\": 1}"}, {"g", "{}"}}},
      {"Mistral, no call",
       ToolFormat::kMistral,
       kPlain,
       "[TOOL_CALLS] [1, 2]",
       "",
       "[TOOL_CALLS] [1, 2]",
       {}},
      {"Mistral, one good call",
       ToolFormat::kMistral,
       kPlain,
       "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}, 1",
       "",
       "1",
       {{"f", "{}"}}},
      {"DeepSeek V3",
       ToolFormat::kDeepSeekV3,
       kThink,
       "<think>t</think><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n"
       "```json\n{\"a\": "
       "\"`\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n"
       "```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       "t",
       "",
       {{"f", "{\"a\": \"`\"}"}, {"g", "{}"}}},
      {"DeepSeek V3.1",
       ToolFormat::kDeepSeekV31,
       kPlain,
       "Sure.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": {\"b\": 2}}"
       "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       "",
       "Sure.",
       {{"f", "{\"a\": {\"b\": 2}}"}}},
      {"DeepSeek, nothing",
       ToolFormat::kDeepSeekV31,
       kPlain,
       "<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>",
       "",
       "<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>",
       {}},
  };
  return all;
}

void expect_parts(const Case& one, const ParsedAnswer& parsed) {
  EXPECT_EQ(parsed.reasoning, one.reasoned) << one.about;
  EXPECT_EQ(parsed.content, one.content) << one.about;
  std::vector<std::pair<std::string, std::string>> calls;
  for (const ToolCall& call : parsed.calls) calls.emplace_back(call.name, call.arguments);
  EXPECT_EQ(calls, one.calls) << one.about;
}

TEST(ParseAnswer, WholeTexts) {
  for (const Case& one : cases()) expect_parts(one, parse_answer(one.text, rules_of(one), true));
}

// Deltas of a stream, put together as a client does it.
ParsedAnswer streamed(const Case& one, std::size_t step) {
  ChatAnswer answer({rules_of(one), false, true});
  ParsedAnswer joined;
  for (std::size_t at = 0; at < one.text.size(); at += step) {
    const Json delta = answer.delta(one.text.substr(at, step), at + step >= one.text.size());
    joined.reasoning += delta.value("reasoning", "");
    joined.content += delta.value("content", "");
    for (const Json& call : delta.value("tool_calls", Json::array())) {
      const auto index = call.at("index").get<std::size_t>();
      if (call.contains("id")) {
        EXPECT_EQ(index, joined.calls.size());
        EXPECT_EQ(call.at("type"), "function");
        joined.calls.push_back({call.at("function").at("name"), ""});
      }
      joined.calls.at(index).arguments += call.at("function").at("arguments").get<std::string>();
    }
  }
  return joined;
}

TEST(ParseAnswer, StreamsGiveTheSame) {
  for (const Case& one : cases())
    for (const std::size_t step : {1U, 2U, 3U, 7U}) expect_parts(one, streamed(one, step));
}

TEST(ParseAnswer, ArgumentsComeWhileTheyAreWritten) {
  const AnswerRules rules{{ToolFormat::kHermes, kPlain}, false, {}};
  const ParsedAnswer parsed =
      parse_answer("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"lon", rules, false);
  ASSERT_EQ(parsed.calls.size(), 1U);
  EXPECT_EQ(parsed.calls[0].arguments, "{\"a\": \"lon");
}

TEST(ParseAnswer, ThePromptMayHaveOpenedTheReasoning) {
  AnswerRules rules{{kNoTools, kThink}, true, {}};
  EXPECT_EQ(parse_answer("so\n", rules, false).reasoning, "so");
  EXPECT_EQ(parse_answer("so\n", rules, false).content, "");
  const ParsedAnswer parsed = parse_answer("so\n</think>\n\nYes", rules, true);
  EXPECT_EQ(parsed.reasoning, "so");
  EXPECT_EQ(parsed.content, "Yes");
}

TEST(ChatAnswer, MessagesAndRules) {
  const Case& two = cases()[7];
  const Json message = ChatAnswer({rules_of(two), false, true}).message(two.text);
  EXPECT_EQ(message["content"], "Let me look.");
  EXPECT_EQ(message["reasoning"], "hm");
  EXPECT_EQ(message["reasoning_content"], "hm");
  ASSERT_EQ(message["tool_calls"].size(), 2U);
  EXPECT_EQ(message["tool_calls"][0]["function"]["name"], "f");
  EXPECT_NE(message["tool_calls"][0]["id"], message["tool_calls"][1]["id"]);
  const Json less = ChatAnswer({rules_of(two), true, false}).message(two.text);
  EXPECT_EQ(less["tool_calls"].size(), 1U);
  EXPECT_FALSE(less.contains("reasoning"));
  EXPECT_TRUE(ChatAnswer({rules_of(cases()[6]), false, true})
                  .message(cases()[6].text)["content"]
                  .is_null());
}

TEST(AnswerFormat, TemplatesTell) {
  const auto is = [](const char* source, ToolFormat tools, ReasoningFormat reasoning) {
    const AnswerFormat format = format_of_template(source);
    EXPECT_EQ(format.tools, tools) << source;
    EXPECT_EQ(format.reasoning, reasoning) << source;
  };
  is("{{ messages }}", kNoTools, kPlain);
  is("<tool_call>\n{\"name\": <function-name>, \"arguments\": {}}", ToolFormat::kHermes, kPlain);
  is("<tool_call>\n<function=f> \"arguments\"", kNoTools, kPlain);
  is("<tool_call> \"arguments\" <think>", ToolFormat::kHermes, kThink);
  is("<|start_header_id|> {\"name\": x, \"parameters\": y}", ToolFormat::kLlama, kPlain);
  is("[TOOL_CALLS] [", ToolFormat::kMistral, kPlain);
  is("[TOOL_CALLS] [ARGS] [THINK]", ToolFormat::kMistralArgs, ReasoningFormat::kMistral);
  is("<｜tool▁calls▁begin｜> ```json </think>", ToolFormat::kDeepSeekV3, kThink);
  is("<｜tool▁calls▁begin｜>", ToolFormat::kDeepSeekV31, kPlain);
}

TEST(AnswerFormat, NamesAndOpenings) {
  EXPECT_EQ(tool_format_by_name("hermes", ""), ToolFormat::kHermes);
  EXPECT_EQ(tool_format_by_name("mistral", "[ARGS]"), ToolFormat::kMistralArgs);
  EXPECT_ANY_THROW(tool_format_by_name("other", ""));
  EXPECT_ANY_THROW(reasoning_format_by_name("other"));
  // What opens a call is understood as one.
  for (const ToolFormat format :
       {ToolFormat::kHermes, ToolFormat::kLlama, ToolFormat::kMistral, ToolFormat::kMistralArgs,
        ToolFormat::kDeepSeekV3, ToolFormat::kDeepSeekV31}) {
    const AnswerRules rules{{format, kPlain}, false, {"f"}};
    const ParsedAnswer parsed = parse_answer(call_opening(format, "f") + "{\"a\"", rules, true);
    ASSERT_EQ(parsed.calls.size(), 1U) << static_cast<int>(format);
    EXPECT_EQ(parsed.calls[0].name, "f");
    EXPECT_EQ(parsed.calls[0].arguments, "{\"a\"");
  }
  EXPECT_TRUE(opens_reasoning(kThink, "<|im_start|>assistant\n<think>\n"));
  EXPECT_FALSE(opens_reasoning(kThink, "<think>\n\n</think>\n\n"));
  EXPECT_FALSE(opens_reasoning(kPlain, "<think>"));
}

}  // namespace
}  // namespace msmodelslim
