// Interpreter: statements.

#include "text/jinja/interpreter.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/globals.h"
#include "text/jinja/print.h"

namespace msmodelslim::jinja {

// Holds the scope it was defined in weakly: that scope holds the macro.
class Macro : public Object {
 public:
  Macro(Interpreter& interpreter, const MacroDefinition& definition,
        const std::shared_ptr<Scope>& defined_in)
      : interpreter_(interpreter), definition_(definition), defined_in_(defined_in) {}

  std::string describe() const override { return fmt::format("<Macro '{}'>", definition_.name); }
  bool callable() const override { return true; }
  std::optional<Value> attribute(const std::string& name) override {
    return name == "name" ? std::optional<Value>(definition_.name) : std::nullopt;
  }
  Value call(const CallArguments& arguments, Budget& /*budget*/) override {
    const std::shared_ptr<Scope> scope = defined_in_.lock();
    if (!scope)
      throw Failure(
          fmt::format("the block that defined the macro '{}' has ended", definition_.name));
    return interpreter_.invoke(definition_, scope, arguments);
  }

 private:
  Interpreter& interpreter_;
  const MacroDefinition& definition_;
  std::weak_ptr<Scope> defined_in_;
};

const Value* Scope::find(const std::string& name) const {
  for (const Scope* scope = this; scope; scope = scope->parent.get())
    if (const auto found = scope->names.find(name); found != scope->names.end())
      return &found->second;
  return nullptr;
}

Interpreter::Interpreter(const Limits& limits, std::time_t now)
    : budget_(limits), scope_(std::make_shared<Scope>()) {
  for (auto& [name, function] : global_functions(now)) define(name, std::move(function));
  define("namespace", namespace_function(namespaces_));
}

Interpreter::~Interpreter() {
  for (const auto& space : namespaces_) space->clear();
}

void Interpreter::define(const std::string& name, Value value) {
  scope_->names.insert_or_assign(name, std::move(value));
}

std::string Interpreter::render(const Body& body) {
  const Temporary scope(scope_, inner_scope());
  run(body);
  return std::move(output_);
}

std::shared_ptr<Scope> Interpreter::inner_scope() const {
  return std::make_shared<Scope>(Scope{scope_, {}});
}

void Interpreter::write(const std::string& text) {
  if (out_ == &output_)
    budget_.output(text.size());
  else
    budget_.bytes(text.size());
  *out_ += text;
}

std::string Interpreter::capture(const Body& body, std::shared_ptr<Scope> scope) {
  std::string text;
  const Temporary output(out_, &text);
  const Temporary inside(scope_, std::move(scope));
  run(body);
  return text;
}

Interpreter::Flow Interpreter::run(const Body& body) {
  for (const Statement& statement : body)
    if (const Flow flow = run(statement); flow != Flow::kNext) return flow;
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run(const Statement& statement) {
  const Temporary deeper(depth_, next_depth());
  budget_.steps(1);
  line_ = statement.line;
  return std::visit([this](const auto& node) { return run(node); }, statement.node);
}

Interpreter::Flow Interpreter::run(const Text& node) {
  write(node.text);
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run(const Output& node) {
  const Value value = eval(*node.value);
  if (!value.is_string()) budget_.bytes(static_cast<std::size_t>(value.extent().weight));
  write(str(value));
  return Flow::kNext;
}

void Interpreter::assign(const Target& target, const Value& value) {
  line_ = target.line;
  if (!target.parts.empty()) {
    const List items = iterate(value, budget_);
    if (items.size() != target.parts.size())
      throw Failure(
          fmt::format("{} names cannot take {} values", target.parts.size(), items.size()));
    for (std::size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i]);
    return;
  }
  if (target.attribute.empty()) return define(target.name, value);
  const Value* found = scope_->find(target.name);
  auto* space = found ? dynamic_cast<Namespace*>(found->object()) : nullptr;
  if (!space)
    throw Failure(
        fmt::format("'{}' is not a namespace, so its attributes cannot be set", target.name));
  space->set(target.attribute, value);
}

Interpreter::Flow Interpreter::run(const Set& node) {
  assign(node.target, eval(*node.value));
  return Flow::kNext;
}

Value Interpreter::apply_to_body(const Expression& filter, const Body& body) {
  filter_body_ = capture(body, inner_scope());
  return eval(filter);
}

Interpreter::Flow Interpreter::run(const SetBlock& node) {
  assign(node.target, node.filter ? apply_to_body(*node.filter, node.body)
                                  : Value(capture(node.body, inner_scope())));
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run(const FilterBlock& node) {
  write(str(apply_to_body(*node.filter, node.body)));
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run(const If& node) {
  for (const auto& [test, body] : node.branches)
    if (eval(*test).truth()) return run(body);
  return run(node.otherwise);
}

Interpreter::Flow Interpreter::run(const For& node) {
  List items = iterate(eval(*node.items), budget_);
  const auto outer = scope_;
  std::function<bool(const Value&)> keep;
  if (node.test)
    keep = [&](const Value& item) {
      const Temporary inside(scope_, std::make_shared<Scope>(Scope{outer, {}}));
      assign(node.target, item);
      return eval(*node.test).truth();
    };
  const auto loop = std::make_shared<Loop>(std::move(items), std::move(keep));
  bool was_empty = true;
  Flow flow = Flow::kNext;
  while (flow != Flow::kBreak) {
    const Value* item = loop->advance();
    if (!item) break;
    budget_.steps(1);
    was_empty = false;
    const Temporary inside(scope_, inner_scope());
    define("loop", Value(loop));
    assign(node.target, *item);
    flow = run(node.body);
  }
  loop->finish();
  if (was_empty) {
    const Temporary inside(scope_, inner_scope());
    return run(node.otherwise);
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run(const LoopControl& node) {
  return node.is_break ? Flow::kBreak : Flow::kContinue;
}

Interpreter::Flow Interpreter::run(const With& node) {
  auto inside = inner_scope();
  for (const auto& [target, expression] : node.values) {
    const Value value = eval(*expression);
    const Temporary scope(scope_, inside);
    assign(target, value);
  }
  const Temporary scope(scope_, std::move(inside));
  return run(node.body);
}

Value Interpreter::make_macro(const MacroDefinition& definition) {
  return Value(std::make_shared<Macro>(*this, definition, scope_));
}

Interpreter::Flow Interpreter::run(const MacroDefinition& node) {
  define(node.name, make_macro(node));
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run(const CallBlock& node) {
  CallArguments more;
  more.named.emplace_back("caller", make_macro(node.caller));
  const Value value = call(std::get<Call>(node.call->node), std::move(more));
  if (!value.is_string()) budget_.bytes(static_cast<std::size_t>(value.extent().weight));
  write(str(value));
  return Flow::kNext;
}

// Sets the parameters in the current scope, defaults in the order of the parameters.
void Interpreter::bind_parameters(const MacroDefinition& macro, const CallArguments& arguments) {
  if (arguments.positional.size() > macro.parameters.size())
    throw Failure(fmt::format("the macro '{}' takes at most {} arguments, but got {}", macro.name,
                              macro.parameters.size(), arguments.positional.size()));
  std::map<std::string, Value> named(arguments.named.begin(), arguments.named.end());
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const auto& [name, fallback] = macro.parameters[i];
    Value value = Value::undefined(fmt::format("parameter '{}' was not provided", name));
    if (i < arguments.positional.size())
      value = arguments.positional[i];
    else if (const auto found = named.extract(name); !found.empty())
      value = found.mapped();
    else if (fallback)
      value = eval(*fallback);
    define(name, std::move(value));
  }
  if (const auto caller = named.extract("caller"); !caller.empty())
    define("caller", caller.mapped());
  if (!named.empty())
    throw Failure(fmt::format("the macro '{}' has no parameter '{}' to set", macro.name,
                              named.begin()->first));
}

std::string Interpreter::invoke(const MacroDefinition& macro,
                                const std::shared_ptr<Scope>& defined_in,
                                const CallArguments& arguments) {
  auto inside = std::make_shared<Scope>(Scope{defined_in, {}});
  {
    const Temporary scope(scope_, inside);
    bind_parameters(macro, arguments);
  }
  return capture(macro.body, std::move(inside));
}

}  // namespace msmodelslim::jinja
