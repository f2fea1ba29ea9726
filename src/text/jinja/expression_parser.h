#pragma once
// Recursive descent over the expressions of a template; weaker operators call stronger ones.

#include "text/jinja/ast.h"
#include "text/jinja/token_stream.h"

namespace msmodelslim::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  ExpressionPtr parse();  // with "a if b else c"
  ExpressionPtr parse_without_condition();
  // One expression, or several with commas: a tuple.
  ExpressionPtr parse_tuple(bool with_condition);
  // One or more "| filter" behind `input`. The first | is already gone when `is_open`.
  ExpressionPtr parse_filters(ExpressionPtr input, bool is_open);
  // {% set %}, {% for %}, {% with %}: attributes of namespaces only where they are allowed.
  Target parse_target(bool with_attributes);

 private:
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concat();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_string();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_parentheses();
  ExpressionPtr parse_postfix(ExpressionPtr object);
  ExpressionPtr parse_subscript(ExpressionPtr object);
  ExpressionPtr parse_attribute(ExpressionPtr object);
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_test(ExpressionPtr input);
  ExpressionPtr parse_bound();
  bool parse_comparison(Comparison& op);
  ArgumentList parse_arguments();
  ArgumentList parse_test_arguments();
  Target parse_single_target(bool with_attributes);
  bool at_tuple_end() const;

  // A chain such as a + b + c gets one level deeper with each link.
  void start_expression();
  void count_link();

  TokenStream& tokens_;
  int depth_ = 0;
  int links_ = 0;  // of the whole expression
};

}  // namespace msmodelslim::jinja
