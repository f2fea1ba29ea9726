#pragma once
// Conversations as the text that a model was trained on.

#include <optional>
#include <string>

#include "base/json.h"
#include "text/jinja/template.h"
#include "text/tokenizer_config.h"

namespace msmodelslim {

struct Conversation {
  Json messages;         // a list of {"role": ..., "content": ..., ...}
  Json tools = nullptr;  // a list of JSON schemas, or null
  bool add_generation_prompt = false;
  Json extra = Json::object();  // more variables, such as {"enable_thinking": false}
};

// One template.
class ChatTemplate {
 public:
  // `where` names the template in messages; `special_tokens` are variables such as "bos_token".
  static ChatTemplate parse(const std::string& source, const std::string& where,
                            Json special_tokens = Json::object());

  // What transformers' apply_chat_template gives: fields of a message that are null are left out,
  // and reasoning is found under "reasoning_content" and "thinking" whatever name it came with.
  // Throws DataError; see jinja::Template.
  std::string render(const Conversation& conversation,
                     const jinja::RenderOptions& options = {}) const;

 private:
  ChatTemplate(jinja::Template parsed, Json special_tokens);

  jinja::Template template_;
  Json special_tokens_;
};

// The templates of a model folder: some have one of their own for conversations with tools.
class ChatFormat {
 public:
  // Throws DataError when the folder has no template, or one that cannot be read.
  static ChatFormat load(const std::string& model_folder);

  std::string render(const Conversation& conversation) const;

 private:
  explicit ChatFormat(ChatTemplate plain) : plain_(std::move(plain)) {}

  ChatTemplate plain_;
  std::optional<ChatTemplate> with_tools_;
};

}  // namespace msmodelslim
