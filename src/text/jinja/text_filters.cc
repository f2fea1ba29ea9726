// Filters that make text.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/strings.h"
#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

template <std::string (*change)(std::string_view)>
Value changed(const FilterCall& call) {
  call.parameters({});
  return keep_markup(call.input, change(call.text()));
}

Value safe(const FilterCall& call) {
  call.parameters({});
  return Value::markup(call.text());
}

Value escape(const FilterCall& call) {
  call.parameters({});
  return call.input.is_markup() ? call.input : Value::markup(escape_html(call.text()));
}

Value string(const FilterCall& call) {
  call.parameters({});
  return call.input.is_string() ? call.input : Value(call.text());
}

Value trim(const FilterCall& call) {
  const auto chars = call.parameters({"chars"}).optional_text(0);
  return keep_markup(call.input, strip(call.text(), {}, chars));
}

// A word begins behind white space and these characters.
bool begins_word(std::int32_t before) {
  return is_space(before) ||
         std::string_view("-({[<").find(static_cast<char>(before)) != std::string_view::npos;
}

// Unlike the method of that name, an apostrophe does not begin a word.
std::string title_words(std::string_view text) {
  std::string out, word;
  for (std::size_t pos = 0; pos <= text.size();) {
    const std::size_t start = pos;
    const std::int32_t code = pos < text.size() ? next_code_point(text, pos) : ' ';
    const bool is_break = code < 0x80 || is_space(code) ? begins_word(code) : false;
    if (!is_break) {
      word += text.substr(start, pos - start);
      continue;
    }
    const std::size_t first = word.empty() ? 0 : char_length(word[0]);
    out += upper(word.substr(0, first)) + lower(word.substr(first));
    word.clear();
    if (start == text.size()) break;
    out += text.substr(start, pos - start);
  }
  return out;
}

Value title_case(const FilterCall& call) {
  call.parameters({});
  return title_words(call.text());
}

Value replace_text(const FilterCall& call) {
  const Parameters given = call.parameters({"old", "new", "count"});
  const std::string text = call.text(), from = str(given.at(0)), to = str(given.at(1));
  call.budget.bytes(text.size() / std::max<std::size_t>(from.size(), 1) * to.size());
  return replace(text, from, to, given.integer(2, -1));
}

Value join(const FilterCall& call) {
  const Parameters given = call.parameters({"d", "attribute"});
  const std::string separator = given.has(0) ? str(given.at(0)) : "";
  std::string out;
  const List items = iterate(call.input, call.budget);
  for (const Value& item : items) {
    const Value value = attribute_of(item, given.at(1, Value()), call.budget);
    call.budget.bytes(separator.size() + static_cast<std::size_t>(value.extent().weight));
    if (&item != &items.front()) out += separator;
    out += str(value);
  }
  return out;
}

Value indent(const FilterCall& call) {
  const Parameters given = call.parameters({"width", "first", "blank"});
  if (call.input.is_undefined()) throw Failure(call.input.why_undefined());
  if (!call.input.is_string())
    throw Failure(fmt::format("indent needs a string, not a {}", call.input.type_name()));
  std::string by(4, ' ');
  if (given.has(0))
    by = given.at(0).is_string()
             ? given.text(0)
             : arithmetic(Arithmetic::kMultiply, " ", given.integer(0), call.budget).text();
  const bool blank = given.flag(2, false);
  const std::string text = call.input.text() + "\n";
  std::string out = given.flag(1, false) ? by : "";
  bool is_first = true;
  for (const std::string& line : split_lines(text, /*keep_ends=*/false)) {
    if (!is_first) out += '\n';
    if (!is_first && (blank || !line.empty())) out += by;
    is_first = false;
    call.budget.bytes(by.size());
    out += line;
  }
  return keep_markup(call.input, std::move(out));
}

// Spaces or the text for one level.
std::string indent_of(const Parameters& given, std::size_t i) {
  if (given.at(i).is_string()) return given.text(i);
  return std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(given.integer(i), 0, 64)),
                     ' ');
}

void read_separators(const List& separators, JsonStyle& style) {
  if (separators.size() != 2 || !separators[0].is_string() || !separators[1].is_string())
    throw Failure("the separators of tojson must be two strings");
  style.item_separator = separators[0].text();
  style.key_separator = separators[1].text();
}

// json.dumps() as transformers calls it: nothing is escaped for HTML.
Value tojson(const FilterCall& call) {
  const Parameters given = call.parameters({"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = given.flag(0, false);
  style.sort_keys = given.flag(3, false);
  if (given.has_value(1)) {
    style.indent = indent_of(given, 1);
    style.item_separator = std::string(1, ',');
  }
  if (given.has_value(2)) read_separators(iterate(given.at(2), call.budget), style);
  call.budget.bytes(static_cast<std::size_t>(call.input.extent().weight));
  return to_json(call.input, style);
}

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable table = {
      {"string", string},
      {"safe", safe},
      {"escape", escape},
      {"e", escape},
      {"upper", changed<upper>},
      {"lower", changed<lower>},
      {"capitalize", changed<capitalize>},
      {"title", title_case},
      {"trim", trim},
      {"replace", replace_text},
      {"join", join},
      {"indent", indent},
      {"tojson", tojson},
  };
  return table;
}

}  // namespace msmodelslim::jinja
