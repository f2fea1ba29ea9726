// Chat templates: conversations as transformers renders them.
#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

const Json kTools = Json::parse(R"([{"name": "f"}])");
const Json kHello = Json::parse(R"([{"role": "user", "content": "Hi"}])");

// Recorded with tests/interop/chat_templates_compare.py: an entry per template, which is written
// there or lies in the shared reference data.
void check_recorded(const Json& entry, const std::string& source) {
  const ChatTemplate chat = ChatTemplate::parse(source, "t", entry.at("special_tokens"));
  jinja::RenderOptions options;
  options.now = entry.at("now").get<std::time_t>();
  for (const Json& one : entry.at("cases")) {
    const Conversation conversation{one.at("messages"), one.at("tools"),
                                    one.at("add_generation_prompt").get<bool>(), one.at("extra")};
    const auto name = one.at("name").get<std::string>();
    if (one.contains("text"))
      EXPECT_EQ(chat.render(conversation, options), one.at("text").get<std::string>()) << name;
    else
      EXPECT_THROW(chat.render(conversation, options), DataError) << name;
  }
}

Json recorded(const char* file) {
  return read_json_file(std::string(MSMODELSLIM_SOURCE_DIR "/tests/unit/text/data/") + file);
}

TEST(ChatTemplate, OwnTemplatesAsInTransformers) {
  for (const Json& entry : recorded("chat_own.json"))
    check_recorded(entry, entry.at("template").get<std::string>());
}

TEST(ChatTemplate, ModelsTemplatesAsInTransformers) {
  REQUIRE_SHARED("tokenizers");
  for (const Json& entry : recorded("chat_models.json")) {
    const std::string path = shared_dir() + "/" + entry.at("shared").get<std::string>();
    check_recorded(entry, read_json_file(path).at("chat_template").get<std::string>());
  }
}

TEST(ChatTemplate, FieldsThatAreNullAreLeftOut) {
  const auto chat = ChatTemplate::parse(
      "{% for m in messages %}{{ m.content is defined }}{{ m.thinking }};{% endfor %}", "t");
  const Json messages = Json::parse(R"([{"role": "user", "content": null},
                                        {"role": "user", "content": "", "reasoning": "r"}])");
  EXPECT_EQ(chat.render({messages}), "False;Truer;");
}

// The message of the error; `inputs` are the fields of a Conversation.
std::string error_of(const Json& inputs) {
  Conversation conversation;
  conversation.messages = inputs.value("messages", kHello);
  conversation.tools = inputs.value("tools", Json());
  conversation.extra = inputs.value("extra", Json::object());
  try {
    ChatTemplate::parse("x", "t").render(conversation);
    return "";
  } catch (const DataError& error) {
    return error.what();
  }
}

TEST(ChatTemplate, WrongConversationsAreRefused) {
  const auto refuses = [](const char* inputs, const char* message) {
    EXPECT_THAT(error_of(Json::parse(inputs)), HasSubstr(message)) << inputs;
  };
  EXPECT_EQ(error_of(Json::object()), "");
  refuses(R"({"messages": {}})", "not a list with at least one message");
  refuses(R"({"messages": []})", "not a list with at least one message");
  refuses(R"({"messages": ["Hi"]})", "message 0 of the conversation is not an object");
  refuses(R"({"tools": {}})", "the tools of the conversation are not a list");
  refuses(R"({"extra": []})", "the variables for the chat template are not an object");
}

class ChatFolder : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_ / "additional_chat_templates"); }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  std::string render(const Json& tools) const {
    return ChatFormat::load(folder_.string()).render({kHello, tools});
  }

  fs::path folder_ = temp_path("chat_folder");
};

TEST_F(ChatFolder, TakesTheTemplateForToolsWhenToolsAreGiven) {
  write("tokenizer_config.json",
        R"({"bos_token": {"content": "<s>"}, "chat_template": [
            {"name": "default", "template": "{{ bos_token }}plain"},
            {"name": "tool_use", "template": "{{ bos_token }}{{ tools|length }} tools"}]})");
  EXPECT_EQ(render(nullptr), "<s>plain");
  EXPECT_EQ(render(kTools), "<s>1 tools");
  write("chat_template.jinja", "file");
  EXPECT_EQ(render(kTools), "file");
  write("additional_chat_templates/tool_use.jinja", "tool file");
  EXPECT_EQ(render(kTools), "tool file");
  EXPECT_EQ(render(nullptr), "file");
}

TEST_F(ChatFolder, WithoutATemplateIsRefused) {
  write("tokenizer_config.json", "{}");
  try {
    render(nullptr);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no chat template"));
    EXPECT_THAT(error.remedy(), HasSubstr("chat_template.jinja"));
  }
}

}  // namespace
}  // namespace msmodelslim
