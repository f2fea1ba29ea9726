// json.dumps() of Python's standard library.

#include <fmt/format.h>
#include <unicode/utf16.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

class JsonWriter {
 public:
  explicit JsonWriter(const JsonStyle& style) : style_(style) {}

  void write(const Value& value);
  std::string take() { return std::move(out_); }

 private:
  void write_string(const std::string& text);
  void write_code_point(std::int32_t code);
  void write_list(const List& items);
  void write_dict(const Dict& dict);
  void write_key(const Value& key);
  void new_line();
  void open(char bracket);
  void close(char bracket);

  const JsonStyle& style_;
  std::string out_;
  int level_ = 0;
};

std::string number_text(const Value& value) {
  if (value.is_float() && !std::isfinite(value.float_number())) {
    if (std::isnan(value.float_number())) return "NaN";
    return value.float_number() > 0 ? "Infinity" : "-Infinity";
  }
  return repr(value);
}

// The text of null, true, false and numbers; "" for other kinds.
std::string plain_text(const Value& value) {
  if (value.is_none()) return "null";
  if (value.is_bool()) return value.truth() ? "true" : "false";
  return value.is_number() ? number_text(value) : "";
}

void JsonWriter::write(const Value& value) {
  const Sequence* items = value.sequence();
  if (value.is_string()) {
    write_string(value.text());
  } else if (value.is_dict()) {
    write_dict(value.dict());
  } else if (items &&
             (items->kind == Sequence::Kind::kList || items->kind == Sequence::Kind::kTuple)) {
    write_list(items->items);
  } else {
    const std::string text = plain_text(value);
    if (text.empty())
      throw Failure(fmt::format("tojson cannot write a value of type {}", value.type_name()));
    out_ += text;
  }
}

void JsonWriter::write_string(const std::string& text) {
  out_ += '"';
  for (std::size_t pos = 0; pos < text.size();) write_code_point(next_code_point(text, pos));
  out_ += '"';
}

void JsonWriter::write_code_point(std::int32_t code) {
  constexpr std::string_view kShort = "\"\"\\\\\nn\rr\tt\ff\bb";  // pairs: character, letter
  if (code < 0x80)
    for (std::size_t i = 0; i < kShort.size(); i += 2)
      if (kShort[i] == static_cast<char>(code)) {
        out_ += '\\';
        out_ += kShort[i + 1];
        return;
      }
  if (code >= 0x10000 && style_.ensure_ascii)
    out_ += fmt::format("\\u{:04x}\\u{:04x}", int{U16_LEAD(code)}, int{U16_TRAIL(code)});
  else if (code < 0x20 || (code >= 0x7F && style_.ensure_ascii))
    out_ += fmt::format("\\u{:04x}", code);
  else
    append_code_point(out_, code);
}

void JsonWriter::new_line() {
  if (!style_.indent) return;
  out_ += '\n';
  for (int i = 0; i < level_; ++i) out_ += *style_.indent;
}

void JsonWriter::open(char bracket) {
  out_ += bracket;
  ++level_;
  new_line();
}

void JsonWriter::close(char bracket) {
  --level_;
  new_line();
  out_ += bracket;
}

void JsonWriter::write_list(const List& items) {
  if (items.empty()) {
    out_ += "[]";
    return;
  }
  open('[');
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) {
      out_ += style_.item_separator;
      new_line();
    }
    write(items[i]);
  }
  close(']');
}

void JsonWriter::write_key(const Value& key) {
  if (key.is_string()) return write_string(key.text());
  const std::string text = plain_text(key);
  if (text.empty())
    throw Failure(fmt::format("tojson cannot write a key of type {}", key.type_name()));
  out_ += '"' + text + '"';
}

void JsonWriter::write_dict(const Dict& dict) {
  if (dict.items().empty()) {
    out_ += "{}";
    return;
  }
  std::vector<const Dict::Item*> items;
  for (const Dict::Item& item : dict.items()) items.push_back(&item);
  if (style_.sort_keys)
    std::stable_sort(items.begin(), items.end(),
                     [](const auto* a, const auto* b) { return less(a->first, b->first); });
  open('{');
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) {
      out_ += style_.item_separator;
      new_line();
    }
    write_key(items[i]->first);
    out_ += style_.key_separator;
    write(items[i]->second);
  }
  close('}');
}

}  // namespace

std::string to_json(const Value& value, const JsonStyle& style) {
  JsonWriter writer(style);
  writer.write(value);
  return writer.take();
}

}  // namespace msmodelslim::jinja
