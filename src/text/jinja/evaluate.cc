// Interpreter: expressions.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "text/jinja/filters.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/print.h"

namespace msmodelslim::jinja {

// Expressions, statements and macros inside each other, so that the stack is never used up.
int Interpreter::next_depth() const {
  constexpr int kMaxDepth = 1000;
  if (depth_ == kMaxDepth)
    throw Failure(fmt::format("the template goes deeper than {} levels", kMaxDepth));
  return depth_ + 1;
}

Value Interpreter::eval(const Expression& expression) {
  const Temporary deeper(depth_, next_depth());
  budget_.steps(1);
  line_ = expression.line;
  return std::visit([this](const auto& node) { return eval(node); }, expression.node);
}

Value Interpreter::eval(const Literal& node) { return node.value; }

Value Interpreter::eval(const Name& node) {
  const Value* found = scope_->find(node.name);
  return found ? *found : Value::undefined(fmt::format("'{}' is undefined", node.name));
}

Value Interpreter::eval(const ListLiteral& node) {
  List items;
  items.reserve(node.items.size());
  for (const ExpressionPtr& item : node.items) items.push_back(eval(*item));
  budget_.bytes(items.size() * sizeof(Value));
  return node.is_tuple ? Value::tuple(std::move(items)) : Value(std::move(items));
}

Value Interpreter::eval(const DictLiteral& node) {
  Dict dict;
  for (const auto& [key_node, value_node] : node.items) {
    const Value key = eval(*key_node);
    budget_.bytes(static_cast<std::size_t>(key.extent().weight) + 2 * sizeof(Value));
    dict.set(key, eval(*value_node));
  }
  return dict;
}

Value Interpreter::eval(const Not& node) { return !eval(*node.operand).truth(); }

Value Interpreter::eval(const Sign& node) {
  const Value value = eval(*node.operand);
  return node.negative ? negate(value) : arithmetic(Arithmetic::kAdd, 0, value, budget_);
}

Value Interpreter::eval(const Binary& node) {
  const Value left = eval(*node.left);
  return arithmetic(node.op, left, eval(*node.right), budget_);
}

// One of the operands, as in Python.
Value Interpreter::eval(const Logic& node) {
  Value left = eval(*node.left);
  return left.truth() == node.is_and ? eval(*node.right) : left;
}

Value Interpreter::eval(const Concat& node) {
  std::string text;
  for (const ExpressionPtr& part : node.parts) {
    const Value value = eval(*part);
    budget_.bytes(static_cast<std::size_t>(value.extent().weight));
    text += str(value);
  }
  return text;
}

bool Interpreter::holds(Comparison op, const Value& left, const Value& right) {
  budget_.look(std::min(left.extent().weight, right.extent().weight));
  switch (op) {
    case Comparison::kEqual:
      return equal(left, right);
    case Comparison::kNotEqual:
      return !equal(left, right);
    case Comparison::kLess:
      return less(left, right);
    case Comparison::kLessEqual:
      return less_or_equal(left, right);
    case Comparison::kGreater:
      return less(right, left);
    case Comparison::kGreaterEqual:
      return less_or_equal(right, left);
    case Comparison::kIn:
      return contains(right, left, budget_);
    default:
      return !contains(right, left, budget_);
  }
}

Value Interpreter::eval(const Compare& node) {
  Value left = eval(*node.first);
  for (const auto& [op, operand] : node.rest) {
    Value right = eval(*operand);
    if (!holds(op, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::eval(const Conditional& node) {
  if (eval(*node.test).truth()) return eval(*node.then);
  if (node.otherwise) return eval(*node.otherwise);
  return Value::undefined("the condition of an 'if' without 'else' was false");
}

Value Interpreter::eval(const Attribute& node) {
  return get_attribute(eval(*node.object), node.name, budget_);
}

Value Interpreter::eval(const Subscript& node) {
  const Value object = eval(*node.object);
  return get_item(object, eval(*node.index), budget_);
}

Value Interpreter::eval(const Slice& node) {
  const Value object = eval(*node.object);
  const auto bound = [this](const ExpressionPtr& given) { return given ? eval(*given) : Value(); };
  const Value start = bound(node.start), stop = bound(node.stop);
  return slice(object, {start, stop, bound(node.step)}, budget_);
}

CallArguments Interpreter::eval(const ArgumentList& list) {
  CallArguments arguments;
  for (const ExpressionPtr& argument : list.positional)
    arguments.positional.push_back(eval(*argument));
  for (const auto& [name, argument] : list.named)
    arguments.named.emplace_back(name, eval(*argument));
  return arguments;
}

Value Interpreter::eval(const Call& node) { return call(node, {}); }

// With `more` arguments behind those that are written there.
Value Interpreter::call(const Call& node, CallArguments more) {
  const Value callee = eval(*node.callee);
  CallArguments arguments = eval(node.arguments);
  std::move(more.named.begin(), more.named.end(), std::back_inserter(arguments.named));
  line_ = node.callee->line;
  if (callee.is_undefined()) throw Failure(callee.why_undefined());
  if (!callee.object())
    throw Failure(fmt::format("a value of type {} cannot be called", callee.type_name()));
  return callee.object()->call(arguments, budget_);
}

Value Interpreter::eval(const Filter& node) {
  const int line = line_;
  const Value input = node.input ? eval(*node.input) : filter_body_;
  const CallArguments arguments = eval(node.arguments);
  line_ = line;
  return apply_filter(node.name, input, arguments, budget_);
}

Value Interpreter::eval(const Test& node) {
  const int line = line_;
  const Value input = eval(*node.input);
  const CallArguments arguments = eval(node.arguments);
  line_ = line;
  return apply_test(node.name, input, arguments, budget_);
}

}  // namespace msmodelslim::jinja
