#include "text/jinja/token_stream.h"

#include <fmt/format.h>

#include "text/jinja/syntax_error.h"

namespace msmodelslim::jinja {

Token TokenStream::take() {
  Token token = current();
  if (pos_ + 1 < tokens_.size()) ++pos_;
  return token;
}

bool TokenStream::skip_operator(const char* op) {
  const bool found = at_operator(op);
  if (found) take();
  return found;
}

bool TokenStream::skip_name(const char* name) {
  const bool found = at_name(name);
  if (found) take();
  return found;
}

void TokenStream::expect_operator(const char* op) {
  if (!skip_operator(op)) fail_expected(fmt::format("'{}'", op));
}

void TokenStream::expect_name(const char* name) {
  if (!skip_name(name)) fail_expected(fmt::format("'{}'", name));
}

void TokenStream::expect(TokenKind kind) {
  if (!at(kind)) fail_expected(describe({kind, "", {}, 0}));
  take();
}

std::string TokenStream::expect_any_name() {
  if (!at(TokenKind::kName)) fail_expected("a name");
  return take().text;
}

void TokenStream::fail_expected(const std::string& what) const {
  fail(fmt::format("expected {}, found {}", what, describe(current())));
}

void TokenStream::fail(const std::string& message) const {
  throw SyntaxError(current().line, message);
}

Nesting::Nesting(int& depth, const TokenStream& tokens) : depth_(depth) {
  constexpr int kMaxDepth = 100;
  if (depth_ >= kMaxDepth)
    tokens.fail(fmt::format("the template is nested deeper than {} levels", kMaxDepth));
  ++depth_;
}

}  // namespace msmodelslim::jinja
