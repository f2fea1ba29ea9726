#include "recipe/yaml_text.h"

#include <fmt/format.h>

#include <string_view>

#include "recipe/yaml_value.h"

namespace msmodelslim {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t kBestWidth = 80;
constexpr std::size_t kLongestSimpleKey = 122;  // PyYAML: 127 together with the tag "!!str"

enum class Style { kPlain, kSingle, kDouble };

struct Shape {
  bool plain = true;   // no indicator, blank or break where a plain scalar cannot have one
  bool single = true;  // can stand in single quotes
  bool multiline = false;
};

bool is_blank(const std::string& text, std::size_t at) {
  return at >= text.size() || text[at] == '\0' || text[at] == ' ' || text[at] == '\t' ||
         text[at] == '\r' || text[at] == '\n';
}

bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

// Whether the character at `at` begins something else than text.
bool is_indicator(const std::string& text, std::size_t at) {
  const char c = text[at];
  if (at == 0 && is_one_of(c, "#,[]{}&*!|>'\"%@`")) return true;
  if (at == 0 && is_one_of(c, "?-")) return is_blank(text, 1);
  if (c == ':') return is_blank(text, at + 1);
  return c == '#' && is_blank(text, at - 1);
}

Shape shape_of(const std::string& text) {
  Shape shape;
  if (text.empty()) return shape;
  if (text.starts_with("---") || text.starts_with("...")) shape.plain = false;
  if (is_one_of(text.front(), " \n") || is_one_of(text.back(), " \n")) shape.plain = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_indicator(text, i)) shape.plain = false;
    if (c == '\n') {
      shape.plain = false;
      shape.multiline = true;
      if (i > 0 && text[i - 1] == ' ') shape.single = false;
    } else if (c < ' ' || c > '~') {  // control characters and everything that is not ASCII
      shape.plain = false;
      shape.single = false;
    } else if (c == ' ' && i > 0 && text[i - 1] == '\n') {
      shape.single = false;
    }
  }
  for (const char* line_break : {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"})  // NEL, LS, PS
    if (text.find(line_break) != std::string::npos) shape.multiline = true;
  return shape;
}

bool reads_back_as_text(const std::string& text) {
  return text != "=" && text != "<<" && resolve_plain_scalar(text).is(YamlValue::Kind::kString);
}

Style style_of(const std::string& text) {
  const Shape shape = shape_of(text);
  if (shape.plain && reads_back_as_text(text)) return Style::kPlain;
  return shape.single ? Style::kSingle : Style::kDouble;
}

// Writes one quoted or plain scalar and follows the column.
class TextWriter {
 public:
  TextWriter(std::size_t column, std::size_t indent, bool split)
      : column_(column), indent_(indent), split_(split) {}

  std::string take() { return std::move(out_); }

  void put(std::string_view text) {
    out_ += text;
    column_ += text.size();
  }

  // Plain and single-quoted text: a lone blank behind the width becomes a line break.
  void put_words(const std::string& text, bool quoted) {
    for (std::size_t i = 0; i < text.size();) {
      std::size_t end = i;
      if (text[i] == ' ') {
        while (end < text.size() && text[end] == ' ') ++end;
        const bool inside = !quoted || (i != 0 && end != text.size());
        if (end == i + 1 && column_ > kBestWidth && split_ && inside) {
          break_line();
        } else {
          put(std::string_view(text).substr(i, end - i));
        }
      } else if (text[i] == '\n') {
        while (end < text.size() && text[end] == '\n') ++end;
        out_.append(end - i, '\n');
        break_line();
      } else if (text[i] == '\'' && quoted) {
        end = i + 1;
        put("''");
      } else {
        while (end < text.size() && !is_one_of(text[end], " \n") && !(quoted && text[end] == '\''))
          ++end;
        put(std::string_view(text).substr(i, end - i));
      }
      i = end;
    }
  }

  void put_escaped(const std::u32string& text) {
    std::string run;  // ordinary characters not written yet
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char32_t c = text[i];
      const bool ordinary = c >= U' ' && c <= U'~' && c != U'"' && c != U'\\';
      if (!ordinary) {
        put(run);
        run.clear();
        put(escape(c));
      }
      const bool inside = i > 0 && i + 1 < text.size();
      const std::size_t reached = ordinary ? column_ + run.size() : column_ - 1;
      if (inside && (c == U' ' || run.empty()) && reached > kBestWidth && split_) {
        put(run + "\\");
        run.clear();
        break_line();
        if ((ordinary ? c : text[i + 1]) == U' ') put("\\");
      }
      if (ordinary) run += static_cast<char>(c);
    }
    put(run);
  }

 private:
  void break_line() {
    out_ += '\n';
    out_.append(indent_, ' ');
    column_ = indent_;
  }

  static std::string escape(char32_t c) {
    constexpr std::u32string_view kSpecial = U"\0\a\b\t\n\v\f\r\x1b\"\\\x85\xa0\x2028\x2029"sv;
    constexpr std::string_view kLetters = "0abtnvfre\"\\N_LP";
    const std::size_t at = kSpecial.find(c);
    if (at != std::u32string_view::npos) return {'\\', kLetters[at]};
    const auto code = static_cast<unsigned>(c);
    if (code <= 0xFF) return fmt::format("\\x{:02X}", code);
    if (code <= 0xFFFF) return fmt::format("\\u{:04X}", code);
    return fmt::format("\\U{:08X}", code);
  }

  std::string out_;
  std::size_t column_;
  std::size_t indent_;
  bool split_;
};

// Valid UTF-8 to code points (yaml-cpp replaces what is not valid).
std::u32string decode(const std::string& bytes) {
  std::u32string text;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    char32_t point = more == 0 ? lead : lead & (0x3FU >> more);
    for (std::size_t k = 1; k <= more && i + k < bytes.size(); ++k)
      point = point << 6 | (static_cast<unsigned char>(bytes[i + k]) & 0x3FU);
    text.push_back(point);
    i += more + 1;
  }
  return text;
}

std::string written(const std::string& text, Style style, TextWriter writer) {
  if (style == Style::kPlain) {
    writer.put_words(text, false);
    return writer.take();
  }
  const char* quote = style == Style::kSingle ? "'" : "\"";
  writer.put(quote);
  if (style == Style::kSingle) {
    writer.put_words(text, true);
  } else {
    writer.put_escaped(decode(text));
  }
  writer.put(quote);
  return writer.take();
}

}  // namespace

bool is_simple_key(const std::string& text) {
  return !text.empty() && !shape_of(text).multiline && decode(text).size() <= kLongestSimpleKey;
}

std::string key_text(const std::string& text) {
  return written(text, style_of(text), TextWriter(0, 0, false));
}

std::string wrapped_text(const std::string& text, std::size_t column, std::size_t indent) {
  return written(text, style_of(text), TextWriter(column, indent, true));
}

}  // namespace msmodelslim
