#pragma once
// Walks through the tree of a template.
//
// A loop's body, a macro and a block that is captured have a scope of their own: what they set is
// gone behind them. An if has none. Names are looked up from the inside to the outside, then in
// the variables of the call, then among the global functions.

#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/value.h"

namespace msmodelslim::jinja {

struct Scope {
  std::shared_ptr<Scope> parent;
  std::map<std::string, Value, std::less<>> names;

  const Value* find(const std::string& name) const;
};

class Interpreter {
 public:
  Interpreter(const Limits& limits, std::time_t now);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void define(const std::string& name, Value value);
  std::string render(const Body& body);
  int line() const { return line_; }  // where it is, or where an exception left it

 private:
  friend class Macro;
  enum class Flow { kNext, kBreak, kContinue };

  int next_depth() const;
  Value eval(const Expression& expression);
  Value eval(const Literal& node);
  Value eval(const Name& node);
  Value eval(const ListLiteral& node);
  Value eval(const DictLiteral& node);
  Value eval(const Not& node);
  Value eval(const Sign& node);
  Value eval(const Binary& node);
  Value eval(const Logic& node);
  Value eval(const Concat& node);
  Value eval(const Compare& node);
  Value eval(const Conditional& node);
  Value eval(const Attribute& node);
  Value eval(const Subscript& node);
  Value eval(const Slice& node);
  Value eval(const Call& node);
  Value eval(const Filter& node);
  Value eval(const Test& node);
  CallArguments eval(const ArgumentList& list);
  Value call(const Call& node, CallArguments arguments);
  bool holds(Comparison op, const Value& left, const Value& right);

  Flow run(const Body& body);
  Flow run(const Statement& statement);
  Flow run(const Text& node);
  Flow run(const Output& node);
  Flow run(const Set& node);
  Flow run(const SetBlock& node);
  Flow run(const If& node);
  Flow run(const For& node);
  Flow run(const LoopControl& node);
  Flow run(const MacroDefinition& node);
  Flow run(const CallBlock& node);
  Flow run(const FilterBlock& node);
  Flow run(const With& node);

  void assign(const Target& target, const Value& value);
  void write(const std::string& text);
  // The text of an own scope around `body`.
  std::string capture(const Body& body, std::shared_ptr<Scope> scope);
  Value apply_to_body(const Expression& filter, const Body& body);
  std::shared_ptr<Scope> inner_scope() const;
  Value make_macro(const MacroDefinition& definition);
  std::string invoke(const MacroDefinition& macro, const std::shared_ptr<Scope>& defined_in,
                     const CallArguments& arguments);
  void bind_parameters(const MacroDefinition& macro, const CallArguments& arguments);

  Budget budget_;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
  std::shared_ptr<Scope> scope_;
  std::string output_;
  std::string* out_ = &output_;  // another one while a block is captured
  Value filter_body_;            // the input of a filter block's first filter
  int depth_ = 0;
  int line_ = 1;
};

// Changes a variable until the end of a block, also when an exception ends it.
template <typename T>
class Temporary {
 public:
  Temporary(T& place, T value) : place_(place), old_(std::exchange(place, std::move(value))) {}
  ~Temporary() { place_ = std::move(old_); }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

 private:
  T& place_;
  T old_;
};

}  // namespace msmodelslim::jinja
