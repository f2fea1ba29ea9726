#pragma once
// The tokens of a template as the parsers read them.

#include <algorithm>
#include <string>
#include <vector>

#include "text/jinja/lexer.h"

namespace msmodelslim::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[pos_]; }
  const Token& following() const { return tokens_[std::min(pos_ + 1, tokens_.size() - 1)]; }
  Token take();  // the current one; the stream stays at the end

  bool at(TokenKind kind) const { return current().kind == kind; }
  bool at_operator(const char* op) const { return current().is(TokenKind::kOperator, op); }
  bool at_name(const char* name) const { return current().is(TokenKind::kName, name); }
  bool skip_operator(const char* op);
  bool skip_name(const char* name);

  void expect_operator(const char* op);
  void expect_name(const char* name);
  void expect(TokenKind kind);
  std::string expect_any_name();

  [[noreturn]] void fail_expected(const std::string& what) const;
  [[noreturn]] void fail(const std::string& message) const;

 private:
  std::vector<Token> tokens_;
  std::size_t pos_ = 0;
};

// Counts how deep a parser is in brackets and blocks, so that it cannot run out of stack.
class Nesting {
 public:
  Nesting(int& depth, const TokenStream& tokens);
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  int& depth_;
};

}  // namespace msmodelslim::jinja
