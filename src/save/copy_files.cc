#include "save/copy_files.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "checkpoint/ascendv1.h"

namespace msmodelslim {
namespace {

constexpr std::array<const char*, 6> kSuffixes = {".json",  ".py",    ".txt",
                                                  ".jinja", ".model", ".tiktoken"};

bool travels(const std::string& name) {
  if (name.ends_with("index.json") || name.starts_with("quant_model_description")) return false;
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](const char* suffix) { return name.ends_with(suffix); });
}

// True when something was removed.
bool remove_quantization_config(Json& config) {
  bool removed = config.erase("quantization_config") > 0;
  for (auto& [key, value] : config.items())
    if (value.is_object() && value.contains("quantization_config"))
      removed = value.erase("quantization_config") > 0 || removed;
  return removed;
}

// True when something changed.
bool untie(Json& config) {
  constexpr const char* kTie = "tie_word_embeddings";
  bool changed = false;
  const auto set = [&](Json& object) {
    if (object.value(kTie, false)) {
      object[kTie] = false;
      changed = true;
    }
  };
  set(config);
  for (auto& [key, value] : config.items())
    if (value.is_object()) set(value);
  return changed;
}

}  // namespace

std::vector<std::string> copy_model_files(const std::string& from, const std::string& to,
                                          bool untied) {
  std::vector<std::string> names;
  for (const auto& item : fs::directory_iterator(from)) {
    const std::string name = item.path().filename().string();
    if (item.is_regular_file() && travels(name)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string source = (fs::path(from) / name).string();
    const std::string target = (fs::path(to) / name).string();
    std::string text = read_file(source);
    if (name == "config.json") {
      Json config = parse_json(text, source);
      const bool cleaned = config.is_object() && remove_quantization_config(config);
      const bool unlinked = config.is_object() && untied && untie(config);
      if (cleaned || unlinked) text = dump_json_python(config, 2);
    }
    write_file_atomic(target, text);
  }
  return names;
}

}  // namespace msmodelslim
