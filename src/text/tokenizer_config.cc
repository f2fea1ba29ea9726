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

// One template, or a list of named ones, of which "default" is for conversations.
std::string read_chat_template(const Json& json) {
  const auto found = json.find("chat_template");
  if (found == json.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return "";
  for (const Json& entry : *found)
    if (entry.is_object() && entry.value("name", Json()) == "default" &&
        entry.value("template", Json()).is_string())
      return entry["template"].get<std::string>();
  return "";
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
    read_token(source, "pad_token", config.pad_token);
  }
  read_flag(json, "add_bos_token", config.add_bos_token);
  read_flag(json, "add_eos_token", config.add_eos_token);
  config.chat_template = read_chat_template(json);
  const fs::path jinja = folder / "chat_template.jinja";
  std::error_code ec;
  if (fs::exists(jinja, ec)) config.chat_template = read_file(jinja.string(), kMaxBytes);
  return config;
}

}  // namespace msmodelslim
