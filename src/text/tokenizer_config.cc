#include "text/tokenizer_config.h"

#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

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
  read_chat_templates(json, config);
  read_template_files(folder, config);
  return config;
}

}  // namespace msmodelslim
