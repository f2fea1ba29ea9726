// Two steps, as in wcmatch: braces are expanded to plain patterns, then each plain pattern is
// matched against the whole name. A pattern that begins with a wildcard matches neither an empty
// name nor one that begins with a dot.

#include "base/glob.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kMaxExpansions = 1000;
constexpr std::size_t kMaxPatternLength = 4096;

[[noreturn]] void fail_too_many() {
  throw UsageError(fmt::format("a pattern expands to more than {} names", kMaxExpansions),
                   "write several shorter patterns, or use * instead of a long list in braces");
}

// ---- braces ----

struct Number {
  long value = 0;
  std::size_t width = 0;  // of a zero-padded number, sign included; else 0
};

std::optional<Number> parse_number(std::string_view text) {
  std::size_t digits = 0;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) digits = 1;
  if (digits == text.size() || text.size() - digits > 9) return std::nullopt;
  for (std::size_t i = digits; i < text.size(); ++i)
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) return std::nullopt;
  Number number;
  number.value = std::strtol(std::string(text).c_str(), nullptr, 10);
  if (text[digits] == '0' && text.size() - digits > 1) number.width = text.size();
  return number;
}

std::string pad(long value, std::size_t width) {
  std::string digits = std::to_string(std::labs(value));
  const std::size_t sign = value < 0 ? 1 : 0;
  if (digits.size() + sign < width) digits.insert(0, width - sign - digits.size(), '0');
  return sign == 1 ? "-" + digits : digits;
}

bool is_letter(std::string_view text) {
  return text.size() == 1 && std::isalpha(static_cast<unsigned char>(text[0])) != 0;
}

// The items of `first..last` or `first..last..step`; nothing when `text` is not a range.
std::optional<std::vector<std::string>> expand_range(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = text.find(".."); at != std::string_view::npos; at = text.find("..")) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + 2);
  }
  parts.push_back(text);
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  long step = 1;
  if (parts.size() == 3) {
    const auto number = parse_number(parts[2]);
    if (!number) return std::nullopt;
    step = std::max(1L, std::labs(number->value));
  }
  const bool letters = is_letter(parts[0]) && is_letter(parts[1]);
  auto first = parse_number(parts[0]);
  auto last = parse_number(parts[1]);
  if (letters) {
    first = Number{parts[0][0], 0};
    last = Number{parts[1][0], 0};
  }
  if (!first || !last) return std::nullopt;
  if (std::labs(last->value - first->value) / step >= static_cast<long>(kMaxExpansions))
    fail_too_many();
  const std::size_t width = std::max(first->width, last->width);
  const long direction = first->value <= last->value ? step : -step;
  std::vector<std::string> items;
  for (long v = first->value; direction > 0 ? v <= last->value : v >= last->value; v += direction) {
    if (!letters)
      items.push_back(pad(v, width));
    else if (v == '\\')
      items.emplace_back("\\\\");
    else
      items.emplace_back(1, static_cast<char>(v));
  }
  return items;
}

// The brace group that opens at `open`: its end and the commas of its own level.
struct Group {
  std::size_t close;
  std::vector<std::size_t> commas;
};

std::optional<Group> find_group(std::string_view text, std::size_t open) {
  Group group{};
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == ',' && depth == 1) {
      group.commas.push_back(i);
    } else if (text[i] == '}' && --depth == 0) {
      group.close = i;
      return group;
    }
  }
  return std::nullopt;
}

std::vector<std::string> expand(std::string_view text);

// The alternatives of a group; nothing when it has to be read literally.
std::optional<std::vector<std::string>> group_items(std::string_view text, std::size_t open,
                                                    const Group& group) {
  if (group.commas.empty()) return expand_range(text.substr(open + 1, group.close - open - 1));
  std::vector<std::string> items;
  std::size_t begin = open + 1;
  for (std::size_t i = 0; i <= group.commas.size(); ++i) {
    const std::size_t end = i < group.commas.size() ? group.commas[i] : group.close;
    for (std::string& item : expand(text.substr(begin, end - begin)))
      items.push_back(std::move(item));
    begin = end + 1;
  }
  return items;
}

std::vector<std::string> expand(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
      continue;
    }
    if (text[i] != '{' || (i > 0 && text[i - 1] == '$')) continue;  // ${ is never a group
    const auto group = find_group(text, i);
    if (!group) continue;
    const auto items = group_items(text, i, *group);
    if (!items) continue;
    const std::vector<std::string> tails = expand(text.substr(group->close + 1));
    if (items->size() * tails.size() > kMaxExpansions) fail_too_many();
    std::vector<std::string> result;
    for (const std::string& item : *items)
      for (const std::string& tail : tails)
        result.push_back(std::string(text.substr(0, i)).append(item).append(tail));
    return result;
  }
  return {std::string(text)};
}

// ---- one plain pattern ----

using Text = std::u32string;

// UTF-8 to code points; a byte that is not UTF-8 stands for itself.
Text decode(std::string_view bytes) {
  Text text;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    char32_t point = more == 0 ? lead : lead & (0x3FU >> more);
    std::size_t taken = 1;
    while (taken <= more && i + taken < bytes.size() && (bytes[i + taken] & 0xC0) == 0x80)
      point = point << 6 | (static_cast<unsigned char>(bytes[i + taken++]) & 0x3FU);
    if (taken != more + 1) {
      point = lead;
      taken = 1;
    }
    text.push_back(point);
    i += taken;
  }
  return text;
}

struct PosixClass {
  std::u32string_view name;
  int (*test)(int);
};

const std::array<PosixClass, 12> kPosixClasses = {{{U"alnum", std::isalnum},
                                                   {U"alpha", std::isalpha},
                                                   {U"blank", std::isblank},
                                                   {U"cntrl", std::iscntrl},
                                                   {U"digit", std::isdigit},
                                                   {U"graph", std::isgraph},
                                                   {U"lower", std::islower},
                                                   {U"print", std::isprint},
                                                   {U"punct", std::ispunct},
                                                   {U"space", std::isspace},
                                                   {U"upper", std::isupper},
                                                   {U"xdigit", std::isxdigit}}};

// The class that begins at `at` with "[:"; moves `at` behind its "]".
const PosixClass* parse_class(const Text& pattern, std::size_t* at) {
  if (pattern.compare(*at, 2, U"[:") != 0) return nullptr;
  const std::size_t end = pattern.find(U":]", *at + 2);
  if (end == Text::npos) return nullptr;
  for (const PosixClass& candidate : kPosixClasses) {
    if (pattern.compare(*at + 2, end - *at - 2, candidate.name) != 0) continue;
    *at = end + 2;
    return &candidate;
  }
  return nullptr;
}

// Reads the set that opens at `at` and tests `c`; `at` moves behind the set. Nothing when the set
// is not closed: then `[` is an ordinary character.
std::optional<bool> match_set(const Text& pattern, std::size_t* at, char32_t c) {
  std::size_t i = *at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == U'!' || pattern[i] == U'^');
  if (negated) ++i;
  const std::size_t first = i;
  bool found = false;
  while (i < pattern.size() && (pattern[i] != U']' || i == first)) {
    if (const PosixClass* members = parse_class(pattern, &i)) {
      found = found || (c < 128 && members->test(static_cast<int>(c)) != 0);
      if (i + 1 < pattern.size() && pattern[i] == U'-' && pattern[i + 1] != U']') {
        found = found || c == U'-';
        ++i;
      }
      continue;
    }
    if (pattern[i] == U'\\' && ++i == pattern.size()) return std::nullopt;
    const char32_t low = pattern[i++];
    char32_t high = low;
    const bool range = i + 1 < pattern.size() && pattern[i] == U'-' && pattern[i + 1] != U']' &&
                       pattern.compare(i + 1, 2, U"[:") != 0;
    if (range) {
      if (pattern[++i] == U'\\' && ++i == pattern.size()) return std::nullopt;
      high = pattern[i++];
    }
    found = found || (low <= c && c <= high);
  }
  if (i >= pattern.size()) return std::nullopt;
  *at = i + 1;
  return found != negated;
}

// Matches one character with the pattern element at `at` (never a star) and steps behind it.
bool match_one(const Text& pattern, std::size_t* at, char32_t c) {
  if (pattern[*at] == U'?') {
    ++*at;
    return true;
  }
  if (pattern[*at] == U'[') {
    if (const auto matched = match_set(pattern, at, c)) return *matched;
  } else if (pattern[*at] == U'\\') {
    ++*at;
    if (*at == pattern.size()) return false;
  }
  return pattern[(*at)++] == c;
}

bool begins_with_wildcard(const Text& pattern) {
  if (pattern.empty()) return false;
  std::size_t at = 0;
  return pattern[0] == U'*' || pattern[0] == U'?' ||
         (pattern[0] == U'[' && match_set(pattern, &at, U' ').has_value());
}

// A lone backslash at the end escapes nothing and is dropped.
Text without_dangling_escape(Text pattern) {
  std::size_t count = 0;
  while (count < pattern.size() && pattern[pattern.size() - 1 - count] == U'\\') ++count;
  if (count % 2 == 1) pattern.pop_back();
  return pattern;
}

bool match_plain(const Text& pattern, const Text& name) {
  if (begins_with_wildcard(pattern) && (name.empty() || name[0] == U'.')) return false;
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t after_star = Text::npos;  // pattern position to come back to
  std::size_t star_name = 0;            // where the last star's run ends
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == U'*') {
      after_star = ++p;
      star_name = n;
      continue;
    }
    if (p < pattern.size() && match_one(pattern, &p, name[n])) {
      ++n;
      continue;
    }
    if (after_star == Text::npos) return false;
    p = after_star;
    n = ++star_name;
  }
  while (p < pattern.size() && pattern[p] == U'*') ++p;
  return p == pattern.size();
}

}  // namespace

std::vector<std::string> expand_braces(const std::string& pattern) {
  if (pattern.size() > kMaxPatternLength)
    throw UsageError(fmt::format("a pattern has {} characters, at most {} are read", pattern.size(),
                                 kMaxPatternLength));
  std::vector<std::string> result = expand(pattern);
  if (!pattern.empty()) std::erase(result, std::string());  // as wcmatch: {,a} does not match ""
  return result;
}

Glob::Glob(std::string pattern)
    : pattern_(std::move(pattern)), expanded_(expand_braces(pattern_)) {}

bool Glob::matches(std::string_view name) const {
  const Text text = decode(name);
  return std::any_of(expanded_.begin(), expanded_.end(), [&](const std::string& plain) {
    return match_plain(without_dangling_escape(decode(plain)), text);
  });
}

}  // namespace msmodelslim
