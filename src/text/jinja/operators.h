#pragma once
// Python's operators on values. Each throws Failure when the types do not fit.

#include "text/jinja/value.h"

namespace msmodelslim::jinja {

bool equal(const Value& a, const Value& b);
bool less(const Value& a, const Value& b);
bool less_or_equal(const Value& a, const Value& b);
bool contains(const Value& container, const Value& item, Budget& budget);  // item in container

enum class Arithmetic { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
Value arithmetic(Arithmetic op, const Value& a, const Value& b, Budget& budget);
Value negate(const Value& value);

// What a for loop goes through. An iterator is used up by it.
List iterate(const Value& value, Budget& budget);
std::int64_t length(const Value& value);

// object[index]; undefined when there is no such item.
Value get_item(const Value& object, const Value& index, Budget& budget);
// object.name: an attribute, else the item of that name, else undefined.
Value get_attribute(const Value& object, const std::string& name, Budget& budget);
// object[start:stop:step], where each may be None.
struct SliceBounds {
  Value start, stop, step;
};
Value slice(const Value& object, const SliceBounds& bounds, Budget& budget);

// The message for a value that has no attribute or item of that name.
std::string missing_attribute(const Value& object, const std::string& name);

}  // namespace msmodelslim::jinja
