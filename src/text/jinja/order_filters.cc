// Filters that compare items with each other.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/strings.h"

namespace msmodelslim::jinja {
namespace {

struct Keyed {
  List keys;  // compared one after the other
  Value item;
};

bool comes_before(const Keyed& a, const Keyed& b) {
  for (std::size_t i = 0; i < a.keys.size(); ++i) {
    if (less(a.keys[i], b.keys[i])) return true;
    if (!equal(a.keys[i], b.keys[i])) return false;
  }
  return false;
}

// Comparisons walk through the keys, about log2(n) times.
void look_at_keys(const std::vector<Keyed>& keyed, Budget& budget) {
  std::int64_t rounds = 1;
  for (std::size_t n = keyed.size(); n > 1; n /= 2) ++rounds;
  for (const Keyed& one : keyed)
    for (const Value& key : one.keys) budget.look(key.extent().weight / 8 * rounds + 64);
}

// Keeps the order of equal items, also when reversed.
Value sorted(std::vector<Keyed> keyed, bool reversed, Budget& budget) {
  look_at_keys(keyed, budget);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    return reversed ? comes_before(b, a) : comes_before(a, b);
  });
  List items;
  for (Keyed& one : keyed) items.push_back(std::move(one.item));
  return items;
}

// sort(attribute="a,b") compares by several attributes.
std::vector<Value> attribute_names(const Value& attribute) {
  if (!attribute.is_string()) return {attribute};
  std::vector<Value> names;
  for (std::string& name : split(attribute.text(), ",", -1, /*from_right=*/false))
    names.emplace_back(std::move(name));
  return names;
}

Value sort(const FilterCall& call) {
  const Parameters given = call.parameters({"reverse", "case_sensitive", "attribute"});
  const std::vector<Value> names = attribute_names(given.at(2, Value()));
  std::vector<Keyed> keyed;
  for (const Value& item : iterate(call.input, call.budget)) {
    Keyed& one = keyed.emplace_back(Keyed{{}, item});
    for (const Value& name : names)
      one.keys.push_back(
          comparison_key(attribute_of(item, name, call.budget), given.flag(1, false)));
  }
  return sorted(std::move(keyed), given.flag(0, false), call.budget);
}

Value dictsort(const FilterCall& call) {
  const Parameters given = call.parameters({"case_sensitive", "by", "reverse"});
  const std::string by = given.has(1) ? given.text(1) : "key";
  if (by != "key" && by != "value") throw Failure("dictsort can sort by 'key' or by 'value'");
  if (call.input.is_undefined()) throw Failure(call.input.why_undefined());
  if (!call.input.is_dict())
    throw Failure(fmt::format("dictsort needs a dict, not a {}", call.input.type_name()));
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : call.input.dict().items())
    keyed.push_back({{comparison_key(by == "key" ? key : value, given.flag(0, false))},
                     Value::tuple({key, value})});
  return sorted(std::move(keyed), given.flag(2, false), call.budget);
}

Value unique(const FilterCall& call) {
  const Parameters given = call.parameters({"case_sensitive", "attribute"});
  std::set<std::string> seen;
  List out;
  for (const Value& item : iterate(call.input, call.budget)) {
    const Value key =
        comparison_key(attribute_of(item, given.at(1, Value()), call.budget), given.flag(0, false));
    call.budget.bytes(static_cast<std::size_t>(key.extent().weight));
    if (seen.insert(hash_key(key)).second) out.push_back(item);
  }
  return Value::iterator(std::move(out));
}

template <bool largest>
Value extreme(const FilterCall& call) {
  const Parameters given = call.parameters({"case_sensitive", "attribute"});
  const List items = iterate(call.input, call.budget);
  if (items.empty()) return Value::undefined("there is no such item in an empty list");
  const Value* best = nullptr;
  Value best_key;
  for (const Value& item : items) {
    Value key =
        comparison_key(attribute_of(item, given.at(1, Value()), call.budget), given.flag(0, false));
    call.budget.look(key.extent().weight + 64);
    if (best && !(largest ? less(best_key, key) : less(key, best_key))) continue;
    best = &item;
    best_key = std::move(key);
  }
  return *best;
}

Value sum(const FilterCall& call) {
  const Parameters given = call.parameters({"attribute", "start"});
  Value total = given.at(1, 0);
  if (total.is_string()) throw Failure("sum cannot add strings; use join");
  for (const Value& item : iterate(call.input, call.budget))
    total = arithmetic(Arithmetic::kAdd, total,
                       attribute_of(item, given.at(0, Value()), call.budget), call.budget);
  return total;
}

}  // namespace

const FilterTable& order_filters() {
  static const FilterTable table = {{"sort", sort},         {"dictsort", dictsort},
                                    {"unique", unique},     {"min", extreme<false>},
                                    {"max", extreme<true>}, {"sum", sum}};
  return table;
}

}  // namespace msmodelslim::jinja
