#include "text/tokenizer_config.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "text/vocabulary.h"

namespace msmodelslim {
namespace {

constexpr std::uint64_t kMaxBytes = 64ULL << 20;

Json read_optional(const fs::path& path) {
  std::error_code ec;
  if (!fs::exists(path, ec)) return Json::object();
  Json json = parse_json(read_file(path.string(), kMaxBytes), path.string());
  if (!json.is_object())
    throw DataError(fmt::format("{}: expected a JSON object", path.string()),
                    "the file is damaged; download it again");
  return json;
}

// "<s>" or {"content": "<s>", ...}
void read_token(const Json& json, const char* key, std::optional<std::string>& token) {
  const auto found = json.find(key);
  if (found == json.end() || token) return;
  const Json& value =
      found->is_object() && found->contains("content") ? (*found)["content"] : *found;
  if (value.is_string()) token = value.get<std::string>();
}

void read_flag(const Json& json, const char* key, std::optional<bool>& flag) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_boolean()) flag = found->get<bool>();
}

[[noreturn]] void refuse(const std::string& where, const std::string& problem) {
  throw DataError(fmt::format("{}: {}", where, problem), "the file is damaged; download it again");
}

void add_token(ConfigToken token, std::int64_t id, const std::string& where,
               TokenizerConfig& config) {
  if (id < 0 || id > Vocabulary::kMaxId)
    refuse(where, fmt::format("the token \"{}\" has the id {}", token.content, id));
  if (token.content.empty()) return;
  token.id = static_cast<std::int32_t>(id);
  config.added_tokens.push_back(std::move(token));
}

// {"5": {"content": "<s>", ...}, ...}
void read_decoder(const Json& json, const std::string& where, TokenizerConfig& config) {
  const auto found = json.find("added_tokens_decoder");
  if (found == json.end() || !found->is_object()) return;
  for (const auto& [key, value] : found->items()) {
    std::int64_t id = -1;
    const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || stop != key.data() + key.size() || !value.is_object())
      refuse(where, fmt::format("\"added_tokens_decoder\" has the entry \"{}\"", key));
    const auto flag = [&value = value](const char* name) {
      const auto field = value.find(name);
      return field != value.end() && field->is_boolean() && field->get<bool>();
    };
    ConfigToken token;
    if (const auto text = value.find("content"); text != value.end() && text->is_string())
      token.content = text->get<std::string>();
    token.single_word = flag("single_word");
    token.lstrip = flag("lstrip");
    token.rstrip = flag("rstrip");
    token.special = flag("special");
    add_token(std::move(token), id, where, config);
  }
}

// {"<s>": 5, ...}, older than the decoder above.
void read_added(const Json& json, const std::string& where, TokenizerConfig& config) {
  for (const auto& [content, id] : json.items()) {
    if (!id.is_number_integer())
      refuse(where, fmt::format("the id of \"{}\" is no number", content));
    const bool known =
        std::any_of(config.added_tokens.begin(), config.added_tokens.end(),
                    [&content = content](const ConfigToken& t) { return t.content == content; });
    ConfigToken token;
    token.content = content;
    if (!known) add_token(std::move(token), id.get<std::int64_t>(), where, config);
  }
}

void read_additional(const Json& json, TokenizerConfig& config) {
  const auto found = json.find("additional_special_tokens");
  if (found == json.end() || !found->is_array()) return;
  for (const Json& entry : *found) {
    const Json& text = entry.is_object() && entry.contains("content") ? entry["content"] : entry;
    if (text.is_string() && text != "")
      config.additional_special_tokens.push_back(text.get<std::string>());
  }
}

// In a list of {"name": ..., "template": ...}; "" when there is none of that name.
std::string named_template(const Json& list, const char* name) {
  for (const Json& entry : list)
    if (entry.is_object() && entry.value("name", Json()) == name &&
        entry.value("template", Json()).is_string())
      return entry["template"].get<std::string>();
  return "";
}

// One template, or a list of named ones.
void read_chat_templates(const Json& json, TokenizerConfig& config) {
  const auto found = json.find("chat_template");
  if (found == json.end()) return;
  if (found->is_string()) config.chat_template = found->get<std::string>();
  if (!found->is_array()) return;
  config.chat_template = named_template(*found, "default");
  config.tool_template = named_template(*found, "tool_use");
}

// Files of their own come before the templates in tokenizer_config.json.
void read_template_files(const fs::path& folder, TokenizerConfig& config) {
  const fs::path plain = folder / "chat_template.jinja";
  const fs::path tools = folder / "additional_chat_templates" / "tool_use.jinja";
  std::error_code ec;
  if (!fs::exists(plain, ec)) return;
  config.chat_template = read_file(plain.string(), kMaxBytes);
  config.tool_template = fs::exists(tools, ec) ? read_file(tools.string(), kMaxBytes) : "";
}

}  // namespace

std::vector<std::string> TokenizerConfig::special_tokens() const {
  std::vector<std::string> tokens;
  for (const auto& token : {bos_token, eos_token, unk_token, pad_token})
    if (token && !token->empty()) tokens.push_back(*token);
  tokens.insert(tokens.end(), additional_special_tokens.begin(), additional_special_tokens.end());
  return tokens;
}

bool TokenizerConfig::overrides_post_processor() const {
  constexpr std::array kClasses = {"LlamaTokenizer",  "LlamaTokenizerFast",
                                   "GemmaTokenizer",  "GemmaTokenizerFast",
                                   "CohereTokenizer", "CohereTokenizerFast"};
  for (const char* name : kClasses)
    if (tokenizer_class == name) return true;
  return false;
}

TokenizerConfig read_tokenizer_config(const std::string& model_folder) {
  const fs::path folder(model_folder);
  const Json json = read_optional(folder / "tokenizer_config.json");
  const Json map = read_optional(folder / "special_tokens_map.json");
  TokenizerConfig config;
  if (const auto found = json.find("tokenizer_class"); found != json.end() && found->is_string())
    config.tokenizer_class = found->get<std::string>();
  for (const Json& source : {json, map}) {
    read_token(source, "bos_token", config.bos_token);
    read_token(source, "eos_token", config.eos_token);
    read_token(source, "unk_token", config.unk_token);
    read_token(source, "pad_token", config.pad_token);
  }
  read_flag(json, "add_bos_token", config.add_bos_token);
  read_flag(json, "add_eos_token", config.add_eos_token);
  std::optional<bool> legacy;
  read_flag(json, "legacy", legacy);
  config.legacy = legacy.value_or(true);
  read_decoder(json, (folder / "tokenizer_config.json").string(), config);
  read_added(read_optional(folder / "added_tokens.json"), (folder / "added_tokens.json").string(),
             config);
  std::sort(config.added_tokens.begin(), config.added_tokens.end(),
            [](const ConfigToken& a, const ConfigToken& b) { return a.id < b.id; });
  read_additional(json, config);
  if (config.additional_special_tokens.empty()) read_additional(map, config);
  const Json model = read_optional(folder / "config.json");
  if (const auto found = model.find("model_type"); found != model.end() && found->is_string())
    config.model_type = found->get<std::string>();
  read_chat_templates(json, config);
  read_template_files(folder, config);
  return config;
}

}  // namespace msmodelslim
