#pragma once
// The tree of a template: expressions give values, statements write text or set names.

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/operators.h"
#include "text/jinja/value.h"

namespace msmodelslim::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<Statement>;

// ---- Expressions

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListLiteral {
  std::vector<ExpressionPtr> items;
  bool is_tuple;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};
struct Not {
  ExpressionPtr operand;
};
struct Sign {
  bool negative;
  ExpressionPtr operand;
};
struct Binary {
  Arithmetic op;
  ExpressionPtr left, right;
};
struct Logic {
  bool is_and;
  ExpressionPtr left, right;
};
struct Concat {
  std::vector<ExpressionPtr> parts;
};
enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn
};
struct Compare {  // first op operand op operand ...
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct Conditional {
  ExpressionPtr then, test, otherwise;  // otherwise may be null
};
struct Attribute {
  ExpressionPtr object;
  std::string name;
};
struct Subscript {
  ExpressionPtr object, index;
};
struct Slice {
  ExpressionPtr object, start, stop, step;  // the bounds may be null
};
struct ArgumentList {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};
struct Call {
  ExpressionPtr callee;
  ArgumentList arguments;
};
struct Filter {
  ExpressionPtr input;  // null in a filter or set block: its body
  std::string name;
  ArgumentList arguments;
};
struct Test {
  ExpressionPtr input;
  std::string name;
  ArgumentList arguments;
};

struct Expression {
  using Node =
      std::variant<Literal, Name, ListLiteral, DictLiteral, Not, Sign, Binary, Logic, Concat,
                   Compare, Conditional, Attribute, Subscript, Slice, Call, Filter, Test>;
  Node node;
  int line;
};

template <typename Node>
ExpressionPtr make_expression(int line, Node node) {
  return std::make_unique<Expression>(Expression{std::move(node), line});
}

// ---- Statements

// What can be assigned to: a name, an attribute of a namespace, or several of these.
struct Target {
  std::string name;
  std::string attribute;      // of the namespace `name`; "" for a name
  std::vector<Target> parts;  // not empty: the others are
  int line = 0;
};

struct Text {
  std::string text;
};
struct Output {
  ExpressionPtr value;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  ExpressionPtr filter;  // may be null
  Body body;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExpressionPtr items;
  ExpressionPtr test;  // may be null
  Body body;
  Body otherwise;
};
struct LoopControl {
  bool is_break;
};
struct MacroDefinition {
  struct Parameter {
    std::string name;
    ExpressionPtr fallback;  // may be null
  };
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
};
struct CallBlock {
  ExpressionPtr call;  // holds a Call
  MacroDefinition caller;
};
struct FilterBlock {
  ExpressionPtr filter;
  Body body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Body body;
};

struct Statement {
  using Node = std::variant<Text, Output, Set, SetBlock, If, For, LoopControl, MacroDefinition,
                            CallBlock, FilterBlock, With>;
  Node node;
  int line;
};

}  // namespace msmodelslim::jinja
