#include "text/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "text/jinja/literals.h"
#include "text/jinja/strings.h"
#include "text/jinja/syntax_error.h"
#include "text/unicode_class.h"
#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// One kind of line end, and no line end at the end of the template.
std::string normalized(std::string source) {
  source = replace(replace(source, "\r\n", "\n", -1), "\r", "\n", -1);
  if (source.ends_with('\n')) source.pop_back();
  return source;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(normalized(std::move(source))) {}
  std::vector<Token> run();

 private:
  // Where a tag begins: "{%", "{{" or "{#", with an optional - or +.
  struct Opening {
    std::size_t start;
    char kind;  // % { #
    char sign;  // - + or 0
  };

  std::string_view rest() const { return std::string_view(source_).substr(pos_); }
  bool at(std::string_view text) const { return rest().starts_with(text); }
  int line_at(std::size_t pos) const;
  void advance_to(std::size_t pos);
  void add(TokenKind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), {}, line_});
  }
  [[noreturn]] void fail(const std::string& message) const { throw SyntaxError(line_, message); }

  Opening find_opening() const;
  void add_text(const Opening& before, std::size_t end);
  void lex_comment();
  bool lex_raw(const Opening& opening);
  void lex_tag(char kind);
  bool end_of_tag(char kind);
  void skip_end(std::string_view end, bool trim);
  void lex_token();
  void lex_string();
  void lex_number();
  void lex_operator();
  void track_brackets(char bracket);
  std::size_t skip_spaces(std::size_t pos) const;
  std::size_t end_of_name() const;

  std::string source_;
  std::size_t pos_ = 0;
  int line_ = 1;
  std::string closers_;  // of the brackets that are open in this tag
  std::vector<Token> tokens_;
};

void Lexer::advance_to(std::size_t pos) {
  line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(pos_),
                                       source_.begin() + static_cast<std::ptrdiff_t>(pos), '\n'));
  pos_ = pos;
}

std::size_t Lexer::skip_spaces(std::size_t pos) const {
  const std::string_view text = std::string_view(source_).substr(pos);
  return pos + text.size() - strip(text, {.left = true, .right = false}).size();
}

Lexer::Opening Lexer::find_opening() const {
  for (std::size_t start = source_.find('{', pos_); start != std::string::npos;
       start = source_.find('{', start + 1)) {
    const char kind = start + 1 < source_.size() ? source_[start + 1] : '\0';
    if (kind != '%' && kind != '{' && kind != '#') continue;
    const char sign = start + 2 < source_.size() ? source_[start + 2] : '\0';
    return {start, kind, sign == '-' || sign == '+' ? sign : '\0'};
  }
  return {source_.size(), '\0', '+'};
}

// The text from here to `end`, without the white space that the tag after it takes away.
void Lexer::add_text(const Opening& before, std::size_t end) {
  const std::string_view text = std::string_view(source_).substr(pos_, end - pos_);
  std::string_view kept = text;
  if (before.sign == '-') {
    kept = strip(text, {.left = false, .right = true});
  } else if (before.sign != '+' && before.kind != '{') {
    const std::size_t line = text.rfind('\n') + 1;  // 0 when there is none
    const bool starts_line = line > 0 || pos_ == 0 || source_[pos_ - 1] == '\n';
    if (starts_line && strip(text.substr(line)).empty()) kept = text.substr(0, line);
  }
  if (!kept.empty()) add(TokenKind::kText, std::string(kept));
  advance_to(end);
}

std::vector<Token> Lexer::run() {
  while (pos_ < source_.size()) {
    const Opening opening = find_opening();
    add_text(opening, opening.start);
    if (pos_ == source_.size() || lex_raw(opening)) continue;
    advance_to(pos_ + (opening.sign ? 3 : 2));
    if (opening.kind == '#')
      lex_comment();
    else
      lex_tag(opening.kind);
  }
  add(TokenKind::kEnd, "");
  return std::move(tokens_);
}

// Goes behind the end of a tag that starts here, such as "-%}", and the white space it takes away.
void Lexer::skip_end(std::string_view end, bool trim) {
  if (at("-")) {
    advance_to(skip_spaces(pos_ + 1 + end.size()));
    return;
  }
  const bool keep = at("+");
  advance_to(pos_ + end.size() + (keep ? 1 : 0));
  if (trim && !keep && at("\n")) advance_to(pos_ + 1);
}

void Lexer::lex_comment() {
  const std::size_t end = source_.find("#}", pos_);
  if (end == std::string::npos) fail("the comment has no end; expected #}");
  const char sign = end > pos_ ? source_[end - 1] : '\0';
  advance_to(sign == '-' || sign == '+' ? end - 1 : end);
  skip_end("#}", /*trim=*/true);
}

// {% raw %} ... {% endraw %}; false when something else starts here.
bool Lexer::lex_raw(const Opening& opening) {
  if (opening.kind != '%') return false;
  std::size_t pos = skip_spaces(pos_ + (opening.sign ? 3 : 2));
  const auto spelled = [&](std::string_view word) {
    if (!std::string_view(source_).substr(pos).starts_with(word)) return false;
    pos += word.size();
    return true;
  };
  if (!spelled("raw")) return false;
  pos = skip_spaces(pos);
  if (spelled("-%}"))
    pos = skip_spaces(pos);
  else if (!spelled("%}"))
    return false;
  advance_to(pos);
  for (std::size_t start = source_.find("{%", pos_); start != std::string::npos;
       start = source_.find("{%", start + 1)) {
    const char sign = start + 2 < source_.size() ? source_[start + 2] : '\0';
    const bool has_sign = sign == '-' || sign == '+';
    pos = skip_spaces(start + (has_sign ? 3 : 2));
    if (!spelled("endraw")) continue;
    pos = skip_spaces(pos);
    const std::string_view after = std::string_view(source_).substr(pos);
    if (!after.starts_with("%}") && !after.starts_with("-%}") && !after.starts_with("+%}"))
      continue;
    add_text({start, '%', has_sign ? sign : '\0'}, start);
    advance_to(pos);
    skip_end("%}", /*trim=*/true);
    return true;
  }
  fail("the raw block has no end; expected {% endraw %}");
}

void Lexer::lex_tag(char kind) {
  closers_.clear();
  add(kind == '%' ? TokenKind::kBlockBegin : TokenKind::kOutputBegin, "");
  for (;;) {
    if (closers_.empty() && end_of_tag(kind)) return;
    if (pos_ == source_.size()) return;  // the parser says what was expected
    const std::size_t next = skip_spaces(pos_);
    if (next != pos_)
      advance_to(next);
    else
      lex_token();
  }
}

bool Lexer::end_of_tag(char kind) {
  const std::string_view end = kind == '%' ? "%}" : "}}";
  std::string_view text = rest();
  if (text.starts_with('-') || (kind == '%' && text.starts_with('+'))) text.remove_prefix(1);
  if (!text.starts_with(end)) return false;
  add(kind == '%' ? TokenKind::kBlockEnd : TokenKind::kOutputEnd, "");
  skip_end(end, /*trim=*/kind == '%');
  return true;
}

void Lexer::lex_token() {
  const char c = source_[pos_];
  const std::size_t name_end = end_of_name();
  if (is_digit(c)) return lex_number();
  if (name_end > pos_) {
    add(TokenKind::kName, source_.substr(pos_, name_end - pos_));
    pos_ = name_end;
  } else if (c == '"' || c == '\'') {
    lex_string();
  } else {
    lex_operator();
  }
}

std::size_t Lexer::end_of_name() const {
  std::size_t pos = pos_;
  while (pos < source_.size()) {
    std::size_t next = pos;
    if (!is_word(next_code_point(source_, next))) break;
    pos = next;
  }
  return pos;
}

void Lexer::lex_string() {
  const char quote = source_[pos_];
  std::size_t end = pos_ + 1;
  while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size()) fail(fmt::format("the string has no end; expected {}", quote));
  const std::string_view inner = std::string_view(source_).substr(pos_ + 1, end - pos_ - 1);
  add(TokenKind::kString, unescape(inner, line_));
  advance_to(end + 1);
}

void Lexer::lex_number() {
  const bool after_dot = pos_ > 0 && source_[pos_ - 1] == '.';
  const NumberLiteral number = read_number(rest(), after_dot, line_);
  const bool is_float = std::holds_alternative<double>(number.value);
  tokens_.push_back({is_float ? TokenKind::kFloat : TokenKind::kInteger,
                     source_.substr(pos_, number.length), number.value, line_});
  pos_ += number.length;
}

void Lexer::lex_operator() {
  constexpr std::string_view kDouble[] = {"//", "**", "==", "!=", ">=", "<="};
  for (const std::string_view op : kDouble)
    if (at(op)) {
      add(TokenKind::kOperator, std::string(op));
      pos_ += op.size();
      return;
    }
  const char c = source_[pos_];
  if (std::string_view("+-/*%~[](){}><=.:|,;").find(c) == std::string_view::npos)
    fail(fmt::format("unexpected character '{}'", rest().substr(0, char_length(c))));
  track_brackets(c);
  add(TokenKind::kOperator, std::string(1, c));
  ++pos_;
}

void Lexer::track_brackets(char bracket) {
  constexpr std::string_view kOpen = "([{", kClose = ")]}";
  if (const std::size_t kind = kOpen.find(bracket); kind != std::string_view::npos) {
    closers_ += kClose[kind];
  } else if (kClose.find(bracket) != std::string_view::npos) {
    if (closers_.empty()) fail(fmt::format("unexpected '{}'", bracket));
    if (closers_.back() != bracket)
      fail(fmt::format("unexpected '{}', expected '{}'", bracket, closers_.back()));
    closers_.pop_back();
  }
}

}  // namespace

std::vector<Token> tokenize(std::string source) { return Lexer(std::move(source)).run(); }

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kText:
      return "text";
    case TokenKind::kBlockBegin:
      return "'{%'";
    case TokenKind::kBlockEnd:
      return "'%}'";
    case TokenKind::kOutputBegin:
      return "'{{'";
    case TokenKind::kOutputEnd:
      return "'}}'";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kEnd:
      return "the end of the template";
    default:
      return "'" + token.text + "'";
  }
}

}  // namespace msmodelslim::jinja
