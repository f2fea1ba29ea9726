#include "text/jinja/strings.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <cstring>

#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

// The start of the code point that ends before `pos`.
std::size_t previous(std::string_view text, std::size_t pos) {
  do --pos;
  while (pos > 0 && (static_cast<unsigned char>(text[pos]) & 0xC0) == 0x80);
  return pos;
}

std::int32_t code_point_at(std::string_view text, std::size_t pos) {
  return next_code_point(text, pos);
}

bool is_line_end(std::int32_t code) {
  return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
         code == 0x2028 || code == 0x2029;
}

std::vector<std::string> split_at_space(std::string_view text, std::int64_t max_splits) {
  std::vector<std::string> parts;
  text = strip(text, {.left = true, .right = false});
  while (!text.empty() && max_splits-- != 0) {
    std::size_t end = 0;
    while (end < text.size() && !is_space(code_point_at(text, end))) end += char_length(text[end]);
    parts.emplace_back(text.substr(0, end));
    text = strip(text.substr(end), {.left = true, .right = false});
  }
  if (!text.empty()) parts.emplace_back(text);
  return parts;
}

std::vector<std::string> split_at_space_from_right(std::string_view text, std::int64_t max_splits) {
  std::vector<std::string> parts;
  text = strip(text, {.left = false, .right = true});
  while (!text.empty() && max_splits-- != 0) {
    std::size_t start = text.size();
    while (start > 0 && !is_space(code_point_at(text, previous(text, start))))
      start = previous(text, start);
    parts.emplace_back(text.substr(start));
    text = strip(text.substr(0, start), {.left = false, .right = true});
  }
  if (!text.empty()) parts.emplace_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> split_at(std::string_view text, std::string_view separator,
                                  std::int64_t max_splits) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (max_splits-- != 0) {
    const std::size_t end = find_text(text, separator, start);
    if (end == std::string_view::npos) break;
    parts.emplace_back(text.substr(start, end - start));
    start = end + separator.size();
  }
  parts.emplace_back(text.substr(start));
  return parts;
}

std::vector<std::string> split_at_from_right(std::string_view text, std::string_view separator,
                                             std::int64_t max_splits) {
  std::vector<std::string> parts;
  while (max_splits-- != 0) {
    const std::size_t start = text.rfind(separator);
    if (start == std::string_view::npos) break;
    parts.emplace_back(text.substr(start + separator.size()));
    text = text.substr(0, start);
  }
  parts.emplace_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::string to_utf8(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}

icu::UnicodeString to_utf16(std::string_view text) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

std::string title_character(std::string_view text) {
  const std::int32_t code = code_point_at(text, 0);
  const std::string up = upper(text);
  if (count_code_points(up) > 1 && u_totitle(code) == code)  // such as the German sharp s: Ss
    return up.substr(0, char_length(up[0])) +
           lower(std::string_view(up).substr(char_length(up[0])));
  std::string out;
  append_code_point(out, u_totitle(code));
  return out;
}

// There is a cased character, and all of them have that binary property.
bool all_cased_are(std::string_view text, UProperty property) {
  bool found = false;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::int32_t code = next_code_point(text, pos);
    if (u_hasBinaryProperty(code, property) == 0) {
      if (u_hasBinaryProperty(code, UCHAR_CASED) != 0) return false;
      continue;
    }
    found = true;
  }
  return found;
}

bool is_cased(std::int32_t code) { return u_hasBinaryProperty(code, UCHAR_CASED) != 0; }

}  // namespace

bool is_space(std::int32_t code) {
  return u_isUWhiteSpace(code) != 0 || (code >= 0x1C && code <= 0x1F);
}

std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  const void* found = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) - text.data())
               : std::string_view::npos;
}

std::int64_t count_code_points(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; });
}

std::size_t offset_of(std::string_view text, std::int64_t index) {
  std::size_t pos = 0;
  while (index-- > 0 && pos < text.size()) pos += char_length(text[pos]);
  return pos;
}

std::vector<std::string> code_points(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t pos = 0; pos < text.size(); pos += char_length(text[pos]))
    out.emplace_back(text.substr(pos, char_length(text[pos])));
  return out;
}

std::string_view strip(std::string_view text, StripSides sides,
                       std::optional<std::string_view> chars) {
  const auto is_stripped = [&](std::size_t pos) {
    if (!chars) return is_space(code_point_at(text, pos));
    return find_text(*chars, text.substr(pos, char_length(text[pos]))) != std::string_view::npos;
  };
  while (sides.left && !text.empty() && is_stripped(0)) text.remove_prefix(char_length(text[0]));
  while (sides.right && !text.empty() && is_stripped(previous(text, text.size())))
    text.remove_suffix(text.size() - previous(text, text.size()));
  return text;
}

std::vector<std::string> split(std::string_view text, std::optional<std::string_view> separator,
                               std::int64_t max_splits, bool from_right) {
  if (!separator)
    return from_right ? split_at_space_from_right(text, max_splits)
                      : split_at_space(text, max_splits);
  return from_right ? split_at_from_right(text, *separator, max_splits)
                    : split_at(text, *separator, max_splits);
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  std::size_t start = 0;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t line_end = pos;
    if (!is_line_end(next_code_point(text, pos))) continue;
    if (text[line_end] == '\r' && pos < text.size() && text[pos] == '\n') ++pos;
    lines.emplace_back(text.substr(start, (keep_ends ? pos : line_end) - start));
    start = pos;
  }
  if (start < text.size()) lines.emplace_back(text.substr(start));
  return lines;
}

std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    std::int64_t count) {
  std::string out;
  std::size_t start = 0;
  while (count-- != 0) {
    // An empty `from` is found before every character and at the end.
    std::size_t pos = find_text(text, from, start);
    if (pos == std::string_view::npos) break;
    out.append(text.substr(start, pos - start)).append(to);
    start = pos + from.size();
    if (!from.empty()) continue;
    if (start == text.size()) return out;
    out.append(text.substr(start, char_length(text[start])));
    start += char_length(text[start]);
  }
  return out.append(text.substr(start));
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '\'')
      out += "&#39;";
    else if (c == '"')
      out += "&#34;";
    else
      out += c;
  }
  return out;
}

std::string lower(std::string_view text) {
  return to_utf8(to_utf16(text).toLower(icu::Locale::getRoot()));
}

std::string upper(std::string_view text) {
  return to_utf8(to_utf16(text).toUpper(icu::Locale::getRoot()));
}

std::string capitalize(std::string_view text) {
  if (text.empty()) return "";
  const std::size_t first = char_length(text[0]);
  return title_character(text.substr(0, first)) + lower(text.substr(first));
}

std::string title(std::string_view text) {
  std::string out;
  bool in_word = false;
  for (std::size_t pos = 0; pos < text.size(); pos += char_length(text[pos])) {
    const std::string_view character = text.substr(pos, char_length(text[pos]));
    out += in_word ? lower(character) : title_character(character);
    in_word = is_cased(code_point_at(text, pos));
  }
  return out;
}

bool is_lower(std::string_view text) { return all_cased_are(text, UCHAR_LOWERCASE); }

bool is_upper(std::string_view text) { return all_cased_are(text, UCHAR_UPPERCASE); }

}  // namespace msmodelslim::jinja
