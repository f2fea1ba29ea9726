#pragma once
// What a model folder says about its tokenizer besides tokenizer.json: tokenizer_config.json,
// special_tokens_map.json, chat_template.jinja, additional_chat_templates/tool_use.jinja. All of
// them are optional.

#include <optional>
#include <string>

namespace msmodelslim {

struct TokenizerConfig {
  std::string tokenizer_class;
  std::optional<std::string> bos_token;
  std::optional<std::string> eos_token;
  std::optional<std::string> unk_token;
  std::optional<std::string> pad_token;
  std::optional<bool> add_bos_token;
  std::optional<bool> add_eos_token;
  std::string chat_template;  // Jinja source; "" when the model has none
  std::string tool_template;  // another one for conversations with tools; "" for most models

  // Transformers builds the special tokens of these classes from add_bos_token and add_eos_token,
  // whatever the post-processor of tokenizer.json says.
  bool overrides_post_processor() const;
};

TokenizerConfig read_tokenizer_config(const std::string& model_folder);

}  // namespace msmodelslim
