#include "text/jinja/methods.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "text/jinja/arguments.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/string_methods.h"

namespace msmodelslim::jinja {
namespace {

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, std::string name, Method method)
      : self_(std::move(self)), name_(std::move(name)), method_(method) {
    extent_ = self_.extent();
    ++extent_.depth;
  }

  std::string describe() const override {
    return fmt::format("<method {} of {}>", name_, self_.type_name());
  }
  bool callable() const override { return true; }
  Extent extent() const override { return extent_; }
  Value call(const CallArguments& arguments, Budget& budget) override {
    budget.look(self_.width());
    Value result = keep_markup(self_, method_({self_, name_ + "()", arguments, budget}));
    budget.bytes(static_cast<std::size_t>(result.width()));
    return result;
  }

 private:
  Value self_;
  std::string name_;
  Method method_;
  Extent extent_;
};

Value view(const Value& dict, Sequence::Kind kind) {
  List items;
  for (const auto& [key, value] : dict.dict().items()) {
    if (kind == Sequence::Kind::kKeys) items.push_back(key);
    if (kind == Sequence::Kind::kValues) items.push_back(value);
    if (kind == Sequence::Kind::kItems) items.push_back(Value::tuple({key, value}));
  }
  return Value::sequence({.kind = kind, .items = std::move(items), .extent = {}});
}

Value dict_keys(const MethodCall& call) {
  call.parameters({});
  return view(call.self, Sequence::Kind::kKeys);
}

Value dict_values(const MethodCall& call) {
  call.parameters({});
  return view(call.self, Sequence::Kind::kValues);
}

Value dict_items(const MethodCall& call) {
  call.parameters({});
  return view(call.self, Sequence::Kind::kItems);
}

Value dict_get(const MethodCall& call) {
  const Parameters given = call.parameters({"key", "default"});
  const Value* found = call.self.dict().find(given.at(0));
  return found ? *found : given.at(1, Value());
}

Value copy(const MethodCall& call) {
  call.parameters({});
  return call.self;  // nothing can change it
}

Value list_count(const MethodCall& call) {
  const Parameters given = call.parameters({"value"});
  const List& items = call.self.sequence()->items;
  call.budget.look(call.self.extent().weight);
  return std::count_if(items.begin(), items.end(),
                       [&](const Value& item) { return equal(item, given.at(0)); });
}

Value list_index(const MethodCall& call) {
  const Parameters given = call.parameters({"value"});
  const List& items = call.self.sequence()->items;
  call.budget.look(call.self.extent().weight);
  const auto found = std::find_if(items.begin(), items.end(),
                                  [&](const Value& item) { return equal(item, given.at(0)); });
  if (found == items.end()) throw Failure(fmt::format("{} is not in the list", repr(given.at(0))));
  return found - items.begin();
}

using Table = std::map<std::string, Method, std::less<>>;

const Table& dict_methods() {
  static const Table table = {{"keys", dict_keys},
                              {"values", dict_values},
                              {"items", dict_items},
                              {"get", dict_get},
                              {"copy", copy}};
  return table;
}

const Table& list_methods() {
  static const Table table = {{"count", list_count}, {"index", list_index}, {"copy", copy}};
  return table;
}

bool is_list(const Value& value) {
  return value.sequence() && value.sequence()->kind == Sequence::Kind::kList;
}

}  // namespace

Parameters MethodCall::parameters(std::initializer_list<const char*> names) const {
  return Parameters(function, arguments, names);
}

std::optional<Value> find_method(const Value& value, const std::string& name) {
  const Table* table = nullptr;
  if (value.is_string()) table = &string_methods();
  if (value.is_dict()) table = &dict_methods();
  if (is_list(value)) table = &list_methods();
  if (!table) return std::nullopt;
  const auto found = table->find(name);
  if (found == table->end()) return std::nullopt;
  return Value(std::make_shared<BoundMethod>(value, name, found->second));
}

bool is_changing_method(const Value& value, const std::string& name) {
  static const std::set<std::string, std::less<>> kOfDicts = {"clear", "pop", "popitem",
                                                              "setdefault", "update"};
  static const std::set<std::string, std::less<>> kOfLists = {
      "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
  return (value.is_dict() && kOfDicts.contains(name)) ||
         (is_list(value) && kOfLists.contains(name));
}

}  // namespace msmodelslim::jinja
