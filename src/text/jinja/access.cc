// Items, attributes, slices and lengths of values.

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/strings.h"
#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

std::string described(const Value& value) {
  return value.is_none() ? "None" : fmt::format("{} object", value.type_name());
}

// Where item `index` of `size` is; negative ones count from the end.
std::optional<std::size_t> place_of(std::int64_t index, std::int64_t size) {
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  return static_cast<std::size_t>(index);
}

std::optional<Value> find_item(const Value& object, const Value& index) {
  if (object.is_dict()) {
    const Sequence* list = index.sequence();  // not a key: no such item
    if (index.is_dict() || (list && list->kind == Sequence::Kind::kList)) return std::nullopt;
    const Value* found = object.dict().find(index);
    return found ? std::optional(*found) : std::nullopt;
  }
  const auto number = index.integer();
  if (!number) return std::nullopt;
  if (object.is_string()) {
    const std::string& text = object.text();
    const auto place = place_of(*number, count_code_points(text));
    if (!place) return std::nullopt;
    const std::size_t pos = offset_of(text, static_cast<std::int64_t>(*place));
    return keep_markup(object, text.substr(pos, char_length(text[pos])));
  }
  const Sequence* sequence = object.sequence();
  if (!sequence || !sequence->has_index()) return std::nullopt;
  const auto place = place_of(*number, static_cast<std::int64_t>(sequence->items.size()));
  return place ? std::optional(sequence->items[*place]) : std::nullopt;
}

std::optional<Value> find_attribute(const Value& object, const std::string& name) {
  return object.object() ? object.object()->attribute(name) : find_method(object, name);
}

struct Steps {
  std::int64_t start, stop, step;
};

// Python's slice.indices().
Steps resolve(const SliceBounds& bounds, std::int64_t size) {
  for (const Value* bound : {&bounds.start, &bounds.stop, &bounds.step})
    if (!bound->is_none() && !bound->integer())
      throw Failure(
          fmt::format("a bound of a slice is of type {}, not an integer", bound->type_name()));
  const std::int64_t step = bounds.step.integer().value_or(1);
  if (step == 0) throw Failure("the step of a slice must not be 0");
  const std::int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
  const auto place = [&](const Value& bound, std::int64_t fallback) {
    if (bound.is_none()) return fallback;
    const std::int64_t given = *bound.integer();
    return std::clamp(given < 0 ? given + size : given, low, high);
  };
  return {place(bounds.start, step < 0 ? high : low), place(bounds.stop, step < 0 ? low : high),
          step};
}

template <typename Take>
void walk(const Steps& steps, Take take) {
  for (std::int64_t i = steps.start; steps.step > 0 ? i < steps.stop : i > steps.stop;) {
    take(static_cast<std::size_t>(i));
    if (__builtin_add_overflow(i, steps.step, &i)) return;
  }
}

Value slice_text(const std::string& text, const Steps& steps) {
  if (steps.step == 1) {
    const std::size_t from = offset_of(text, steps.start);
    const std::int64_t count = std::max<std::int64_t>(steps.stop - steps.start, 0);
    return text.substr(from, offset_of(std::string_view(text).substr(from), count));
  }
  const std::vector<std::string> characters = code_points(text);
  std::string out;
  walk(steps, [&](std::size_t i) { out += characters[i]; });
  return out;
}

[[noreturn]] void not_iterable(const Value& value) {
  throw Failure(fmt::format("a value of type {} cannot be gone through", value.type_name()));
}

}  // namespace

std::string missing_attribute(const Value& object, const std::string& name) {
  if (is_changing_method(object, name))
    return fmt::format("the method '{}' changes a {}, which templates must not do", name,
                       object.type_name());
  return fmt::format("'{}' has no attribute '{}'", described(object), name);
}

Value get_item(const Value& object, const Value& index, Budget& budget) {
  if (object.is_undefined()) throw Failure(object.why_undefined());
  budget.look(index.extent().weight + (object.is_string() ? object.width() : 0));
  if (auto found = find_item(object, index)) return *found;
  if (!index.is_string())
    return Value::undefined(fmt::format("{} has no element {}", described(object), repr(index)));
  if (auto found = find_attribute(object, index.text())) return *found;
  return Value::undefined(missing_attribute(object, index.text()));
}

Value get_attribute(const Value& object, const std::string& name, Budget& budget) {
  if (object.is_undefined()) throw Failure(object.why_undefined());
  budget.look(static_cast<std::int64_t>(name.size()));
  if (auto found = find_attribute(object, name)) return *found;
  if (object.is_dict() && !is_changing_method(object, name))
    if (const Value* found = object.dict().find(name)) return *found;
  return Value::undefined(missing_attribute(object, name));
}

Value slice(const Value& object, const SliceBounds& bounds, Budget& budget) {
  if (object.is_undefined()) throw Failure(object.why_undefined());
  const Sequence* sequence = object.sequence();
  if (!object.is_string() && !(sequence && sequence->has_index()))
    throw Failure(fmt::format("a value of type {} cannot be sliced", object.type_name()));
  budget.look(object.width());
  const Steps steps = resolve(bounds, length(object));
  if (object.is_string()) {
    Value part = keep_markup(object, slice_text(object.text(), steps));
    budget.bytes(part.text().size());
    return part;
  }
  List items;
  walk(steps, [&](std::size_t i) { items.push_back(sequence->items[i]); });
  budget.bytes(items.size() * sizeof(Value));
  return Value::sequence({.kind = sequence->kind, .items = std::move(items), .extent = {}});
}

List iterate(const Value& value, Budget& budget) {
  List items;
  if (const Sequence* sequence = value.sequence()) {
    items = sequence->items;
  } else if (value.is_dict()) {
    for (const auto& [key, item] : value.dict().items()) items.push_back(key);
  } else if (value.is_string()) {
    budget.bytes(value.text().size() * sizeof(Value));
    for (std::string& character : code_points(value.text()))
      items.emplace_back(std::move(character));
  } else if (Iterator* iterator = value.iterator()) {
    items.assign(iterator->items.begin() + static_cast<std::ptrdiff_t>(iterator->next),
                 iterator->items.end());
    iterator->next = iterator->items.size();
  } else if (!value.is_undefined()) {
    not_iterable(value);
  }
  budget.bytes(items.size() * sizeof(Value));
  return items;
}

std::int64_t length(const Value& value) {
  if (value.is_string()) return count_code_points(value.text());
  if (value.is_dict()) return static_cast<std::int64_t>(value.dict().items().size());
  if (const Sequence* sequence = value.sequence())
    return static_cast<std::int64_t>(sequence->items.size());
  if (value.is_undefined()) return 0;
  throw Failure(fmt::format("a value of type {} has no length", value.type_name()));
}

}  // namespace msmodelslim::jinja
