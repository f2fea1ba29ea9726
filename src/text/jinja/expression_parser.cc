#include "text/jinja/expression_parser.h"

#include <fmt/format.h>

#include <array>

namespace msmodelslim::jinja {
void ExpressionParser::start_expression() {
  if (depth_ == 0) links_ = 0;
}

void ExpressionParser::count_link() {
  constexpr int kMaxLinks = 500;
  if (++links_ > kMaxLinks)
    tokens_.fail(fmt::format("more than {} operators in one expression", kMaxLinks));
}

ExpressionPtr ExpressionParser::parse() {
  start_expression();
  const Nesting nesting(depth_, tokens_);
  const int line = tokens_.current().line;
  ExpressionPtr value = parse_or();
  for (; tokens_.skip_name("if"); count_link()) {
    ExpressionPtr test = parse_or();
    ExpressionPtr otherwise = tokens_.skip_name("else") ? parse() : nullptr;
    value =
        make_expression(line, Conditional{std::move(value), std::move(test), std::move(otherwise)});
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_without_condition() {
  start_expression();
  const Nesting nesting(depth_, tokens_);
  return parse_or();
}

ExpressionPtr ExpressionParser::parse_or() {
  ExpressionPtr left = parse_and();
  for (; tokens_.at_name("or"); count_link()) {
    const int line = tokens_.take().line;
    left = make_expression(line, Logic{false, std::move(left), parse_and()});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  ExpressionPtr left = parse_not();
  for (; tokens_.at_name("and"); count_link()) {
    const int line = tokens_.take().line;
    left = make_expression(line, Logic{true, std::move(left), parse_not()});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  if (!tokens_.at_name("not")) return parse_compare();
  const Nesting nesting(depth_, tokens_);
  const int line = tokens_.take().line;
  return make_expression(line, Not{parse_not()});
}

bool ExpressionParser::parse_comparison(Comparison& op) {
  constexpr std::array<std::pair<const char*, Comparison>, 6> kOperators = {
      {{"==", Comparison::kEqual},
       {"!=", Comparison::kNotEqual},
       {"<", Comparison::kLess},
       {"<=", Comparison::kLessEqual},
       {">", Comparison::kGreater},
       {">=", Comparison::kGreaterEqual}}};
  for (const auto& [spelling, comparison] : kOperators) {
    if (!tokens_.skip_operator(spelling)) continue;
    op = comparison;
    return true;
  }
  const bool negated = tokens_.at_name("not") && tokens_.following().is(TokenKind::kName, "in");
  if (negated) tokens_.take();
  op = negated ? Comparison::kNotIn : Comparison::kIn;
  return tokens_.skip_name("in");
}

ExpressionPtr ExpressionParser::parse_compare() {
  const int line = tokens_.current().line;
  ExpressionPtr first = parse_sum();
  Compare compare;
  for (Comparison op{}; parse_comparison(op);) compare.rest.emplace_back(op, parse_sum());
  if (compare.rest.empty()) return first;
  compare.first = std::move(first);
  return make_expression(line, std::move(compare));
}

ExpressionPtr ExpressionParser::parse_sum() {
  ExpressionPtr left = parse_concat();
  for (; tokens_.at_operator("+") || tokens_.at_operator("-"); count_link()) {
    const Token op = tokens_.take();
    left =
        make_expression(op.line, Binary{op.text == "+" ? Arithmetic::kAdd : Arithmetic::kSubtract,
                                        std::move(left), parse_concat()});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concat() {
  const int line = tokens_.current().line;
  ExpressionPtr first = parse_product();
  if (!tokens_.at_operator("~")) return first;
  Concat concat;
  concat.parts.push_back(std::move(first));
  while (tokens_.skip_operator("~")) concat.parts.push_back(parse_product());
  return make_expression(line, std::move(concat));
}

ExpressionPtr ExpressionParser::parse_product() {
  constexpr std::array<std::pair<const char*, Arithmetic>, 4> kOperators = {
      {{"*", Arithmetic::kMultiply},
       {"/", Arithmetic::kDivide},
       {"//", Arithmetic::kFloorDivide},
       {"%", Arithmetic::kModulo}}};
  ExpressionPtr left = parse_power();
  for (;;) {
    const auto* op = kOperators.begin();
    while (op != kOperators.end() && !tokens_.at_operator(op->first)) ++op;
    if (op == kOperators.end()) return left;
    count_link();
    const int line = tokens_.take().line;
    left = make_expression(line, Binary{op->second, std::move(left), parse_power()});
  }
}

// Unlike in Python, ** groups from the left.
ExpressionPtr ExpressionParser::parse_power() {
  ExpressionPtr left = parse_unary(/*with_filters=*/true);
  for (; tokens_.at_operator("**"); count_link()) {
    const int line = tokens_.take().line;
    left = make_expression(line, Binary{Arithmetic::kPower, std::move(left), parse_unary(true)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  const Nesting nesting(depth_, tokens_);
  ExpressionPtr value;
  if (tokens_.at_operator("-") || tokens_.at_operator("+")) {
    const Token sign = tokens_.take();
    value = make_expression(sign.line, Sign{sign.text == "-", parse_unary(/*with_filters=*/false)});
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  if (!with_filters) return value;
  for (;; count_link()) {
    if (tokens_.at_operator("|"))
      value = parse_filters(std::move(value), /*is_open=*/false);
    else if (tokens_.at_name("is"))
      value = parse_test(std::move(value));
    else if (tokens_.at_operator("("))
      value = parse_call(std::move(value));
    else
      return value;
  }
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr object) {
  for (;; count_link()) {
    if (tokens_.at_operator("."))
      object = parse_attribute(std::move(object));
    else if (tokens_.at_operator("["))
      object = parse_subscript(std::move(object));
    else if (tokens_.at_operator("("))
      object = parse_call(std::move(object));
    else
      return object;
  }
}

ExpressionPtr ExpressionParser::parse_attribute(ExpressionPtr object) {
  const int line = tokens_.take().line;
  if (tokens_.at(TokenKind::kName))
    return make_expression(line, Attribute{std::move(object), tokens_.take().text});
  if (!tokens_.at(TokenKind::kInteger)) tokens_.fail_expected("a name or a number");
  const Value index = std::get<std::int64_t>(tokens_.take().number);
  return make_expression(line, Subscript{std::move(object), make_expression(line, Literal{index})});
}

// One bound of a slice; null when it is left out.
ExpressionPtr ExpressionParser::parse_bound() {
  return tokens_.at_operator(":") || tokens_.at_operator("]") ? nullptr : parse();
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr object) {
  const int line = tokens_.take().line;
  if (tokens_.at_operator("]")) tokens_.fail_expected("an index");
  ExpressionPtr first = parse_bound();
  if (!tokens_.skip_operator(":")) {
    tokens_.expect_operator("]");
    return make_expression(line, Subscript{std::move(object), std::move(first)});
  }
  Slice slice{std::move(object), std::move(first), parse_bound(), nullptr};
  if (tokens_.skip_operator(":")) slice.step = parse_bound();
  tokens_.expect_operator("]");
  return make_expression(line, std::move(slice));
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr callee) {
  const int line = tokens_.current().line;
  return make_expression(line, Call{std::move(callee), parse_arguments()});
}

ArgumentList ExpressionParser::parse_arguments() {
  ArgumentList arguments;
  tokens_.expect_operator("(");
  while (!tokens_.skip_operator(")")) {
    if (tokens_.at_operator("*") || tokens_.at_operator("**"))
      tokens_.fail("arguments with * or ** are not supported");
    if (tokens_.at(TokenKind::kName) && tokens_.following().is(TokenKind::kOperator, "=")) {
      std::string name = tokens_.take().text;
      tokens_.take();
      arguments.named.emplace_back(std::move(name), parse());
    } else if (!arguments.named.empty()) {
      tokens_.fail("an argument without a name stands behind one with a name");
    } else {
      arguments.positional.push_back(parse());
    }
    if (!tokens_.at_operator(")")) tokens_.expect_operator(",");
  }
  return arguments;
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr input, bool is_open) {
  start_expression();
  const Nesting nesting(depth_, tokens_);
  for (; is_open || tokens_.skip_operator("|"); count_link()) {
    is_open = false;
    const int line = tokens_.current().line;
    Filter filter{std::move(input), tokens_.expect_any_name(), {}};
    if (tokens_.at_operator("(")) filter.arguments = parse_arguments();
    input = make_expression(line, std::move(filter));
  }
  return input;
}

// In brackets, or one value without: "is divisibleby 3".
ArgumentList ExpressionParser::parse_test_arguments() {
  if (tokens_.at_operator("(")) return parse_arguments();
  ArgumentList arguments;
  if (tokens_.at_name("is")) tokens_.fail("tests with 'is' cannot be chained");
  const bool has_argument = tokens_.at(TokenKind::kString) || tokens_.at(TokenKind::kInteger) ||
                            tokens_.at(TokenKind::kFloat) || tokens_.at_operator("[") ||
                            tokens_.at_operator("{") ||
                            (tokens_.at(TokenKind::kName) && !tokens_.at_name("else") &&
                             !tokens_.at_name("or") && !tokens_.at_name("and"));
  if (has_argument) arguments.positional.push_back(parse_postfix(parse_primary()));
  return arguments;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr input) {
  const int line = tokens_.take().line;
  const bool negated = tokens_.skip_name("not");
  std::string name = tokens_.expect_any_name();
  ExpressionPtr test =
      make_expression(line, Test{std::move(input), std::move(name), parse_test_arguments()});
  return negated ? make_expression(line, Not{std::move(test)}) : std::move(test);
}

}  // namespace msmodelslim::jinja
