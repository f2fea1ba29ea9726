// Oniguruma's Ruby syntax -> PCRE2. What differs, and what becomes of it:
//
//   \s \S \w \W     other sets of characters         -> explicit sets
//   \b \B           borders of that \w               -> look-arounds
//   \h \H           hexadecimal digits               -> [0-9a-fA-F]
//   \v              vertical tab alone               -> \x0b
//   \uHHHH                                           -> \x{HHHH}
//   \p{Han}         script, not script extensions    -> \p{sc:Han}
//   \p{Letter}      long names of categories         -> \p{L}
//   [a[bc]] [a&&b]  nested classes, intersection     -> groups with look-aheads
//   x{1,3}+         a repeat of a repeat             -> (?:x{1,3})+
//   x{2}?           optional, not lazy               -> (?:x{2})?
//   x{,3}           from zero                        -> x{0,3}
//   (?m)            the dot matches a newline        -> (?s)
//
// ^ and $ match at every line in both (PCRE2_MULTILINE).
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/regex.h"
#include "text/regex_sets.h"
#include "text/utf8.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kMaxNesting = 100;

std::string in_brackets(std::string_view items, bool negated) {
  return fmt::format("[{}{}]", negated ? "^" : "", items);
}

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where)
      : pattern_(pattern), where_(where) {}

  std::string run() {
    while (!at_end()) step();
    return std::move(out_);
  }

 private:
  bool at_end() const { return pos_ >= pattern_.size(); }
  bool next_is(std::string_view text) const { return pattern_.substr(pos_).starts_with(text); }

  [[noreturn]] void fail(std::string_view problem) const {
    throw DataError(fmt::format("{}: the regular expression \"{}\" is not supported: {} at byte {}",
                                where_, pattern_, problem, pos_),
                    "give token ids (input_ids) instead of text");
  }

  std::string_view take_char() {
    if (at_end()) fail("it ends too early");
    const std::string_view c = pattern_.substr(pos_, char_length(pattern_[pos_]));
    pos_ += c.size();
    return c;
  }

  std::string_view take_until(char stop) {
    const std::size_t end = pattern_.find(stop, pos_);
    if (end == std::string_view::npos) fail(fmt::format("'{}' is missing", stop));
    const std::string_view text = pattern_.substr(pos_, end - pos_);
    pos_ = end + 1;
    return text;
  }

  void step() {
    switch (pattern_[pos_]) {
      case '(':
        return open_group();
      case ')':
        return close_group();
      case '{':
        return interval();
      case '*':
      case '+':
      case '?':
        return quantifier();
      default:
        break;
    }
    atom_ = out_.size();
    if (pattern_[pos_] == '\\') {
      out_ += escape(/*in_class=*/false);
    } else if (pattern_[pos_] == '[') {
      out_ += char_class(0);
    } else {
      out_ += take_char();
    }
  }

  void open_group() {
    const std::size_t start = out_.size();
    out_ += take_char();
    if (next_is("?") && pos_ + 1 < pattern_.size() &&
        std::string_view("imx-").find(pattern_[pos_ + 1]) != std::string_view::npos) {
      out_ += take_char();
      while (!at_end() && pattern_[pos_] != ':' && pattern_[pos_] != ')') {
        const std::string_view option = take_char();
        out_ += option == "m" ? "s" : option;
      }
      if (next_is(")")) {  // options for what follows, not a group
        out_ += take_char();
        return;
      }
    } else if (next_is("?#")) {
      take_until(')');
      out_.resize(start);
      return;
    } else if (next_is("?")) {
      out_ += take_char();
      while (!at_end() && std::string_view(":=!<>").find(pattern_[pos_]) != std::string_view::npos)
        out_ += take_char();
    }
    groups_.push_back(start);
  }

  void close_group() {
    if (groups_.empty()) fail("a ')' without '('");
    atom_ = groups_.back();
    groups_.pop_back();
    out_ += take_char();
  }

  void quantifier() {
    out_ += take_char();
    if (next_is("+") || next_is("?")) out_ += take_char();
  }

  // A '{' that opens no repeat count is a plain character.
  void interval() {
    const std::size_t end = pattern_.find('}', pos_);
    const std::string body(pattern_.substr(
        pos_ + 1, end == std::string_view::npos ? std::string_view::npos : end - pos_ - 1));
    const bool digits = body.find_first_not_of("0123456789,") == std::string::npos;
    if (end == std::string_view::npos || !digits || body.empty() || body == "," ||
        std::count(body.begin(), body.end(), ',') > 1) {
      atom_ = out_.size();
      out_ += "\\{";
      ++pos_;
      return;
    }
    pos_ = end + 1;
    out_ += fmt::format("{{{}{}}}", body.front() == ',' ? "0" : "", body);
    const bool fixed = body.find(',') == std::string::npos;
    if (next_is("+") || (fixed && next_is("?"))) {
      out_.insert(atom_, "(?:");
      out_ += ')';
      out_ += take_char();
    } else if (next_is("?")) {
      out_ += take_char();
    }
  }

  // A backslash and what belongs to it. In a class the result is a list of class items.
  std::string escape(bool in_class) {
    const std::size_t start = pos_;
    ++pos_;
    const std::string_view c = take_char();
    if (c.size() > 1) return std::string(c);
    switch (c[0]) {
      case 's':
        return in_class ? std::string(kSpace) : in_brackets(kSpace, false);
      case 'S':
        return in_class ? std::string(kNotSpace) : in_brackets(kSpace, true);
      case 'w':
        return in_class ? std::string(kWord) : in_brackets(kWord, false);
      case 'h':
        return in_class ? std::string(kHexDigit) : in_brackets(kHexDigit, false);
      case 'W':
      case 'H':
        if (in_class) fail("\\W or \\H inside a character class");
        return in_brackets(c[0] == 'W' ? kWord : kHexDigit, true);
      case 'b':
        return in_class ? "\\b" : fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", kWord);
      case 'B':
        return fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", kWord);
      case 'v':
        return "\\x0b";
      case 'u': {
        const std::string hex(pattern_.substr(pos_, 4));
        pos_ += hex.size();
        return fmt::format("\\x{{{}}}", hex);
      }
      case 'p':
      case 'P':
        return property(c[0] == 'P');
      default:
        return std::string(pattern_.substr(start, pos_ - start));
    }
  }

  std::string property(bool negated) {
    if (!next_is("{")) return fmt::format("\\{}", negated ? 'P' : 'p');
    ++pos_;
    std::string name(take_until('}'));
    if (!name.empty() && name[0] == '^') {
      negated = !negated;
      name.erase(0, 1);
    }
    return fmt::format("\\{}{{{}}}", negated ? 'P' : 'p', property_name(name));
  }

  // A class with its brackets, as a fragment that matches one character.
  std::string char_class(std::size_t depth) {
    if (depth > kMaxNesting) fail("character classes are nested too deep");
    ++pos_;
    const bool negated = next_is("^");
    if (negated) ++pos_;
    std::vector<std::string> parts;  // operands of &&
    std::string items;
    std::vector<std::string> nested;
    bool first = true;
    while (first || !next_is("]")) {
      if (at_end()) fail("']' is missing");
      if (next_is("&&")) {
        pos_ += 2;
        parts.push_back(class_union(items, nested));
        items.clear();
        nested.clear();
      } else if (next_is("[:")) {
        const std::string name(pattern_.substr(pos_));
        const std::size_t end = name.find(":]");
        if (end == std::string::npos) fail("':]' is missing");
        items += name.substr(0, end + 2);
        pos_ += end + 2;
      } else if (next_is("[")) {
        nested.push_back(char_class(depth + 1));
      } else {
        class_item(items);
      }
      first = false;
    }
    ++pos_;
    if (parts.empty() && nested.empty()) return in_brackets(items, negated);
    parts.push_back(class_union(items, nested));
    std::string all;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) all += fmt::format("(?={})", parts[i]);
    all += parts.back();
    return negated ? fmt::format("(?:(?!{}){})", all, kAny) : fmt::format("(?:{})", all);
  }

  void class_item(std::string& items) {
    if (next_is("\\")) {
      const std::string item = escape(/*in_class=*/true);
      items += item;
      if (item.size() > 2 && next_is("-")) {  // after a set, '-' is a plain character
        const bool is_set = item[1] == 'p' || item[1] == 'P' || item.find('-') != item.npos;
        if (is_set) {
          items += "\\-";
          ++pos_;
        }
      }
      return;
    }
    const std::string_view c = take_char();
    if (c == "^" || c == "]") items += '\\';
    items += c;
  }

  static std::string class_union(const std::string& items, const std::vector<std::string>& nested) {
    std::string choices = items.empty() ? "" : in_brackets(items, false);
    for (const std::string& choice : nested) choices += choices.empty() ? choice : "|" + choice;
    return "(?:" + choices + ")";
  }

  std::string_view pattern_;
  const std::string& where_;
  std::size_t pos_ = 0;
  std::string out_;
  std::size_t atom_ = 0;             // where the last atom starts in out_
  std::vector<std::size_t> groups_;  // where the open groups start in out_
};

}  // namespace

std::string translate_oniguruma(std::string_view pattern, const std::string& where) {
  return Translator(pattern, where).run();
}

}  // namespace msmodelslim
