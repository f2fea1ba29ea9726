// The smallest parts of expressions: names, literals, brackets; and what can be assigned to.

#include <fmt/format.h>

#include "text/jinja/expression_parser.h"

namespace msmodelslim::jinja {
namespace {

bool is_constant(const std::string& name) {
  return name == "true" || name == "True" || name == "false" || name == "False" || name == "none" ||
         name == "None";
}

}  // namespace

ExpressionPtr ExpressionParser::parse_primary() {
  const Token& token = tokens_.current();
  if (token.kind == TokenKind::kName) return parse_name();
  if (token.kind == TokenKind::kString) return parse_string();
  if (token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat) {
    const Token number = tokens_.take();
    return make_expression(number.line,
                           Literal{std::visit([](auto n) { return Value(n); }, number.number)});
  }
  if (tokens_.at_operator("(")) return parse_parentheses();
  if (tokens_.at_operator("[")) return parse_list();
  if (tokens_.at_operator("{")) return parse_dict();
  tokens_.fail_expected("an expression");
}

ExpressionPtr ExpressionParser::parse_name() {
  const Token token = tokens_.take();
  if (!is_constant(token.text)) return make_expression(token.line, Name{token.text});
  if (token.text == "none" || token.text == "None") return make_expression(token.line, Literal{});
  return make_expression(token.line, Literal{token.text == "true" || token.text == "True"});
}

// Strings side by side are one.
ExpressionPtr ExpressionParser::parse_string() {
  const int line = tokens_.current().line;
  std::string text;
  while (tokens_.at(TokenKind::kString)) text += tokens_.take().text;
  return make_expression(line, Literal{Value(std::move(text))});
}

ExpressionPtr ExpressionParser::parse_list() {
  const int line = tokens_.take().line;
  ListLiteral list{{}, /*is_tuple=*/false};
  while (!tokens_.skip_operator("]")) {
    list.items.push_back(parse());
    if (!tokens_.at_operator("]")) tokens_.expect_operator(",");
  }
  return make_expression(line, std::move(list));
}

ExpressionPtr ExpressionParser::parse_dict() {
  const int line = tokens_.take().line;
  DictLiteral dict;
  while (!tokens_.skip_operator("}")) {
    ExpressionPtr key = parse();
    tokens_.expect_operator(":");
    dict.items.emplace_back(std::move(key), parse());
    if (!tokens_.at_operator("}")) tokens_.expect_operator(",");
  }
  return make_expression(line, std::move(dict));
}

ExpressionPtr ExpressionParser::parse_parentheses() {
  const int line = tokens_.take().line;
  if (tokens_.skip_operator(")")) return make_expression(line, ListLiteral{{}, /*is_tuple=*/true});
  ExpressionPtr inner = parse_tuple(/*with_condition=*/true);
  tokens_.expect_operator(")");
  return inner;
}

bool ExpressionParser::at_tuple_end() const {
  return tokens_.at(TokenKind::kOutputEnd) || tokens_.at(TokenKind::kBlockEnd) ||
         tokens_.at_operator(")");
}

ExpressionPtr ExpressionParser::parse_tuple(bool with_condition) {
  const int line = tokens_.current().line;
  const auto parse_one = [&] { return with_condition ? parse() : parse_without_condition(); };
  ExpressionPtr first = parse_one();
  if (!tokens_.at_operator(",")) return first;
  ListLiteral tuple{{}, /*is_tuple=*/true};
  tuple.items.push_back(std::move(first));
  while (tokens_.skip_operator(",") && !at_tuple_end()) tuple.items.push_back(parse_one());
  return make_expression(line, std::move(tuple));
}

Target ExpressionParser::parse_single_target(bool with_attributes) {
  const Nesting nesting(depth_, tokens_);
  Target target;
  target.line = tokens_.current().line;
  if (tokens_.skip_operator("(")) {
    target = parse_target(with_attributes);
    tokens_.expect_operator(")");
    return target;
  }
  target.name = tokens_.expect_any_name();
  if (is_constant(target.name)) tokens_.fail(fmt::format("'{}' cannot be set", target.name));
  if (with_attributes && tokens_.skip_operator(".")) target.attribute = tokens_.expect_any_name();
  return target;
}

Target ExpressionParser::parse_target(bool with_attributes) {
  Target first = parse_single_target(with_attributes);
  if (!tokens_.at_operator(",")) return first;
  Target all;
  all.line = first.line;
  all.parts.push_back(std::move(first));
  while (tokens_.skip_operator(",")) {
    if (!tokens_.at(TokenKind::kName) && !tokens_.at_operator("(")) break;
    if (tokens_.at_name("in")) break;
    all.parts.push_back(parse_single_target(with_attributes));
  }
  return all;
}

}  // namespace msmodelslim::jinja
