#include "checkpoint/name_pattern.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kPrefix = "re:";

struct Node {
  std::string part;   // between two dots of a name
  bool ends = false;  // a name ends here
  std::vector<Node> children;

  Node& child(const std::string& name) {
    for (Node& node : children)
      if (node.part == name) return node;
    children.emplace_back().part = name;
    return children.back();
  }
};

std::string escaped(const std::string& part) {
  std::string text;
  for (char c : part) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (!plain) text += '\\';
    text += c;
  }
  return text;
}

std::string one_of(const std::vector<std::string>& choices) {
  if (choices.size() == 1) return choices.front();
  std::string text;
  for (const std::string& choice : choices) text += (text.empty() ? "(?:" : "|") + choice;
  return text + ")";
}

// What may follow a node's own part, including the dot before it.
std::string rest_of(const Node& node) {
  std::vector<std::string> rests;  // in order of appearance
  std::map<std::string, std::vector<std::string>> parts;
  for (const Node& child : node.children) {
    const std::string rest = rest_of(child);
    if (parts[rest].empty()) rests.push_back(rest);
    parts[rest].push_back(escaped(child.part));
  }
  std::vector<std::string> choices;
  choices.reserve(rests.size());
  for (const std::string& rest : rests) choices.push_back(one_of(parts[rest]) + rest);
  if (choices.empty()) return "";
  const std::string text = "\\." + one_of(choices);
  return node.ends ? "(?:" + text + ")?" : text;
}

std::vector<std::string> split(const std::string& name) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', begin)) {
    parts.push_back(name.substr(begin, dot - begin));
    begin = dot + 1;
  }
  parts.push_back(name.substr(begin));
  return parts;
}

}  // namespace

std::string pattern_of_names(const std::vector<std::string>& names) {
  Node root;
  for (const std::string& name : names) {
    Node* node = &root;
    for (const std::string& part : split(name)) node = &node->child(part);
    node->ends = true;
  }
  return kPrefix + rest_of(root).substr(2) + "(?![.\\w])";
}

NamePattern::NamePattern(const std::string& text, const std::string& where)
    : text_(text), where_(where) {
  if (!text.starts_with(kPrefix)) return;
  try {
    regex_.push_back(
        Regex::compile("\\A(?:" + text.substr(std::string(kPrefix).size()) + ")", where));
  } catch (const DataError& error) {
    throw DataError(error.what(), "use plain module names, or a simpler expression");
  }
}

bool NamePattern::matches(const std::string& name) const {
  if (regex_.empty()) return name == text_;
  std::size_t begin = 0;
  std::size_t end = 0;
  return regex_.front().find(name, 0, begin, end);
}

}  // namespace msmodelslim
