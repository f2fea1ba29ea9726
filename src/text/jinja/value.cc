#include "text/jinja/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace msmodelslim::jinja {
namespace {

constexpr int kMaxDepth = 200;
constexpr std::int64_t kMaxWeight = 1LL << 60;

// Adds what is inside `value` to the extent of a container. The bound on the depth bounds the
// recursion of everything that walks through a value, its destructor included.
void put_inside(Extent& container, const Value& value) {
  const Extent inner = value.extent();
  container.depth = std::max(container.depth, inner.depth + 1);
  if (container.depth > kMaxDepth)
    throw Failure(fmt::format("values are nested deeper than {}", kMaxDepth));
  container.weight = std::min(container.weight + inner.weight, kMaxWeight);
}

Extent extent_around(const List& items) {
  Extent extent{1, 16};
  for (const Value& item : items) put_inside(extent, item);
  return extent;
}

}  // namespace

Value::Value(std::string text) : data_(std::make_shared<const std::string>(std::move(text))) {}

Value::Value(List items)
    : Value(sequence({.kind = Sequence::Kind::kList, .items = std::move(items), .extent = {}})) {}

Value::Value(Dict dict) : data_(std::make_shared<const Dict>(std::move(dict))) {}

Value Value::sequence(Sequence sequence) {
  sequence.extent = extent_around(sequence.items);
  Value value;
  value.data_ = std::make_shared<const Sequence>(std::move(sequence));
  return value;
}

Value Value::tuple(List items) {
  return sequence({.kind = Sequence::Kind::kTuple, .items = std::move(items), .extent = {}});
}

Value Value::iterator(List items) {
  const Extent extent = extent_around(items);
  Value value;
  value.data_ = std::make_shared<Iterator>(Iterator{std::move(items), 0, extent});
  return value;
}

Value Value::undefined(std::string why) {
  Value value;
  value.data_ = Undefined{std::make_shared<const std::string>(std::move(why))};
  return value;
}

Value Value::markup(std::string text) {
  Value value;
  value.data_ = Markup{std::make_shared<const std::string>(std::move(text))};
  return value;
}

std::optional<std::int64_t> Value::integer() const {
  if (const auto* number = std::get_if<std::int64_t>(&data_)) return *number;
  if (const auto* flag = std::get_if<bool>(&data_)) return *flag ? 1 : 0;
  return std::nullopt;
}

bool Value::truth() const {
  if (const auto number = integer()) return *number != 0;
  if (is_float()) return float_number() != 0.0;
  if (is_string()) return !text().empty();
  if (is_dict()) return !dict().items().empty();
  if (const Sequence* items = sequence()) return !items->items.empty();
  return !is_none() && !is_undefined();
}

const char* Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (is_bool()) return "bool";
  if (is_integer()) return "int";
  if (is_float()) return "float";
  if (is_string()) return "str";
  if (is_dict()) return "dict";
  if (iterator()) return "generator";
  if (const Sequence* items = sequence()) {
    constexpr const char* kNames[] = {"list",      "tuple",       "range",
                                      "dict_keys", "dict_values", "dict_items"};
    return kNames[static_cast<int>(items->kind)];
  }
  return object()->type_name();
}

Extent Value::extent() const {
  if (is_string()) return {0, 16 + static_cast<std::int64_t>(text().size())};
  if (const Sequence* items = sequence()) return items->extent;
  if (is_dict()) return dict().extent();
  if (const Iterator* items = iterator()) return items->extent;
  if (const Object* made = object()) return made->extent();
  return {};
}

std::int64_t Value::width() const {
  constexpr std::int64_t kItem = sizeof(Value);
  if (is_string()) return static_cast<std::int64_t>(text().size());
  if (const Sequence* items = sequence()) return kItem * std::ssize(items->items);
  if (is_dict()) return 2 * kItem * std::ssize(dict().items());
  if (const Iterator* items = iterator()) return kItem * std::ssize(items->items);
  return kItem;
}

void Dict::set(const Value& key, Value value) {
  put_inside(extent_, key);
  put_inside(extent_, value);
  const auto [place, added] = places_.try_emplace(hash_key(key), items_.size());
  if (added)
    items_.emplace_back(key, std::move(value));
  else
    items_[place->second].second = std::move(value);
}

const Value* Dict::find(const Value& key) const {
  const auto place = places_.find(hash_key(key));
  return place == places_.end() ? nullptr : &items_[place->second].second;
}

Value keep_markup(const Value& source, Value result) {
  return source.is_markup() && result.is_string() ? Value::markup(result.text()) : result;
}

std::string hash_key(const Value& value) {
  if (value.is_string()) return "s" + value.text();
  if (const auto number = value.integer()) return fmt::format("n{}", *number);
  if (value.is_float()) {
    const double number = value.float_number();
    const bool whole = std::trunc(number) == number && std::abs(number) < 0x1p63;
    return whole ? fmt::format("n{}", static_cast<std::int64_t>(number))
                 : fmt::format("n{}", number);
  }
  if (value.is_none()) return "none";
  if (value.is_undefined()) return "undefined";
  const Sequence* items = value.sequence();
  if (!items || items->kind != Sequence::Kind::kTuple)
    throw Failure(fmt::format("unhashable type: '{}'", value.type_name()));
  std::string key = "t";
  for (const Value& item : items->items) {
    const std::string part = hash_key(item);
    key += fmt::format("{}:{}", part.size(), part);
  }
  return key;
}

std::optional<Value> Object::attribute(const std::string& /*name*/) { return std::nullopt; }

Value Object::call(const CallArguments& /*arguments*/, Budget& /*budget*/) {
  throw Failure(fmt::format("{} cannot be called", describe()));
}

std::optional<Value> Namespace::attribute(const std::string& name) {
  const Value* found = attributes_.find(name);
  return found ? std::optional(*found) : std::nullopt;
}

void Namespace::set(const std::string& name, Value value) {
  if (name.starts_with('_'))
    throw Failure(fmt::format("a namespace cannot hold '{}': the name begins with '_'", name));
  attributes_.set(name, std::move(value));
}

}  // namespace msmodelslim::jinja
