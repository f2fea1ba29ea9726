#pragma once
// What a model folder says about its tokenizer besides tokenizer.json: tokenizer_config.json,
// special_tokens_map.json, added_tokens.json, chat_template.jinja,
// additional_chat_templates/tool_use.jinja. All of them are optional.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace msmodelslim {

struct ConfigToken {
  std::int32_t id = 0;
  std::string content;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool special = false;
};

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

  // What follows counts only for folders without tokenizer.json, which has all of it.
  std::string model_type;                 // of config.json
  std::vector<ConfigToken> added_tokens;  // in the order of their ids
  std::vector<std::string> additional_special_tokens;
  bool legacy = true;  // false: text behind an added token gets no blank in front

  // bos, eos, unk and pad, where there are such, and the additional ones.
  std::vector<std::string> special_tokens() const;

  // Transformers builds the special tokens of these classes from add_bos_token and add_eos_token,
  // whatever the post-processor of tokenizer.json says.
  bool overrides_post_processor() const;
};

TokenizerConfig read_tokenizer_config(const std::string& model_folder);

}  // namespace msmodelslim
