#pragma once
// Splits a template into text and the tokens of its tags, with the white space rules of
// trim_blocks and lstrip_blocks.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace msmodelslim::jinja {

enum class TokenKind {
  kText,
  kBlockBegin,   // {%
  kBlockEnd,     // %}
  kOutputBegin,  // {{
  kOutputEnd,    // }}
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind;
  std::string text;  // of text, names, operators; what a string stands for
  std::variant<std::int64_t, double> number = std::int64_t{0};
  int line = 1;

  bool is(TokenKind wanted, const char* spelling) const {
    return kind == wanted && text == spelling;
  }
};

// `source` must be valid UTF-8. The last token is kEnd. Throws SyntaxError.
std::vector<Token> tokenize(std::string source);

// What a message calls the token.
std::string describe(const Token& token);

}  // namespace msmodelslim::jinja
