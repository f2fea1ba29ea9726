#include "serve/call_json.h"

#include <algorithm>

#include "base/json.h"

namespace msmodelslim {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kNever = std::string_view::npos;

// The end of the string that `text` begins with.
std::size_t string_end(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return kNever;
}

// A quoted text; nothing when it is none.
std::optional<std::string> unquoted(std::string_view text) {
  const Json value = Json::parse(text, nullptr, false);
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

// Arguments, as far as they have come. Some models quote them; those are known when complete.
std::optional<std::string> arguments_text(std::string_view value, bool complete) {
  if (value.starts_with('{')) return std::string(value);
  if (!complete) return std::nullopt;
  const auto text = unquoted(value);
  if (text && text->starts_with('{')) return text;
  return "{}";
}

}  // namespace

void TextCursor::skip_space() { skip(std::min(rest_.find_first_not_of(kSpace), rest_.size())); }

bool TextCursor::take(std::string_view mark) {
  if (!rest_.starts_with(mark)) return false;
  skip(mark.size());
  return true;
}

bool TextCursor::may_begin(std::string_view mark) const {
  return rest_.size() < mark.size() && mark.starts_with(rest_);
}

std::optional<std::string_view> TextCursor::take_until(std::string_view mark) {
  const std::size_t at = rest_.find(mark);
  if (at == kNever) return std::nullopt;
  const std::string_view before = rest_.substr(0, at);
  skip(at + mark.size());
  return before;
}

std::size_t json_value_end(std::string_view text) {
  if (text.starts_with('"')) return string_end(text);
  if (!text.starts_with('{') && !text.starts_with('[')) return text.find_first_of(",}] \t\r\n");
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      const std::size_t length = string_end(text.substr(i));
      if (length == kNever) return kNever;
      i += length - 1;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return kNever;
}

CallInProgress read_arguments(TextCursor& cursor, std::string name) {
  CallInProgress progress;
  const std::size_t end = json_value_end(cursor.rest());
  const bool complete = end != kNever;
  const std::string_view value = cursor.rest().substr(0, end);
  if (const auto arguments = arguments_text(value, complete))
    progress.call = ToolCall{std::move(name), *arguments};
  progress.complete = complete;
  cursor.skip(value.size());
  return progress;
}

namespace {

class CallObject {
 public:
  explicit CallObject(TextCursor& cursor) : cursor_(cursor) {}

  CallInProgress read() {
    if (!cursor_.take("{")) return cursor_.at_end() ? cut_off() : broken();
    for (;;) {
      cursor_.skip_space();
      if (cursor_.take("}")) return closed();
      if (cursor_.take(",")) continue;
      if (const auto end = read_member()) return *end;
    }
  }

 private:
  // Nothing when another may follow.
  std::optional<CallInProgress> read_member() {
    if (cursor_.at_end()) return cut_off();
    if (!cursor_.rest().starts_with('"')) return broken();
    const std::size_t key_end = json_value_end(cursor_.rest());
    if (key_end == kNever) return cut_off();
    const auto key = unquoted(cursor_.rest().substr(0, key_end));
    cursor_.skip(key_end);
    cursor_.skip_space();
    if (cursor_.at_end()) return cut_off();
    if (!key || !cursor_.take(":")) return broken();
    cursor_.skip_space();
    return read_value(*key);
  }

  std::optional<CallInProgress> read_value(const std::string& key) {
    const std::size_t end = json_value_end(cursor_.rest());
    const std::string_view value = cursor_.rest().substr(0, end);
    if (value.empty()) return cursor_.at_end() ? cut_off() : broken();
    if (key == "name" && !name_ && end != kNever) {
      name_ = unquoted(value);
      if (!name_ || name_->empty()) return broken();
    }
    if ((key == "arguments" || key == "parameters") && !arguments_)
      arguments_ = arguments_text(value, end != kNever);
    if (end == kNever) return cut_off();
    cursor_.skip(end);
    return std::nullopt;
  }

  std::optional<ToolCall> call() const {
    if (!name_ || name_->empty() || !arguments_) return std::nullopt;
    return ToolCall{*name_, *arguments_};
  }
  CallInProgress cut_off() {
    cursor_.skip(cursor_.rest().size());
    return {call(), false, false};
  }
  // A call that has begun is not taken back.
  CallInProgress broken() const { return {call(), !call(), call().has_value()}; }
  CallInProgress closed() {
    if (!arguments_) arguments_ = "{}";
    return {call(), !call(), true};
  }

  TextCursor& cursor_;
  std::optional<std::string> name_;
  std::optional<std::string> arguments_;
};

}  // namespace

CallInProgress read_call_object(TextCursor& cursor) { return CallObject(cursor).read(); }

}  // namespace msmodelslim
