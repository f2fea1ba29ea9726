#include "text/tokenizer_parts.h"

#include <algorithm>

namespace msmodelslim {

Json bpe_json(const Json& unknown_token, bool byte_fallback, bool ignore_merges) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", unknown_token},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", byte_fallback || !unknown_token.is_null()},
          {"byte_fallback", byte_fallback},
          {"ignore_merges", ignore_merges}};
}

void add_config_tokens(const TokenizerConfig& config, const Vocabulary& vocabulary,
                       std::int64_t next_id, std::vector<AddedToken>& tokens) {
  const auto find = [&](const std::string& content) {
    return std::find_if(tokens.begin(), tokens.end(),
                        [&](const AddedToken& token) { return token.content == content; });
  };
  for (const ConfigToken& listed : config.added_tokens) {
    AddedToken token;
    token.id = listed.id;
    token.content = token.form = listed.content;
    token.single_word = listed.single_word;
    token.lstrip = listed.lstrip;
    token.rstrip = listed.rstrip;
    token.special = listed.special;
    next_id = std::max<std::int64_t>(next_id, token.id + 1);
    const auto same = find(token.content);
    if (same == tokens.end())
      tokens.push_back(std::move(token));
    else
      *same = std::move(token);
  }
  for (const std::string& content : config.special_tokens()) {
    const auto same = find(content);
    if (same != tokens.end()) {
      same->special = true;
      continue;
    }
    AddedToken token;
    const auto id = vocabulary.find(content);
    token.id = id ? *id : static_cast<std::int32_t>(next_id++);
    token.content = token.form = content;
    token.special = true;
    tokens.push_back(std::move(token));
  }
}

}  // namespace msmodelslim
