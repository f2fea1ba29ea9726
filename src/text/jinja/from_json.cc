#include "text/jinja/from_json.h"

#include <fmt/format.h>

#include <limits>

namespace msmodelslim::jinja {
namespace {

Value array_from_json(const Json& json) {
  List items;
  items.reserve(json.size());
  for (const Json& item : json) items.push_back(from_json(item));
  return {std::move(items)};
}

Value object_from_json(const Json& json) {
  Dict dict;
  for (const auto& [key, item] : json.items()) dict.set(key, from_json(item));
  return {std::move(dict)};
}

}  // namespace

Value from_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
      return json.get<std::int64_t>();
    case Json::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
        throw Failure(fmt::format("the integer {} needs more than 64 bits", json.dump()));
      return json.get<std::int64_t>();
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return json.get<std::string>();
    case Json::value_t::array:
      return array_from_json(json);
    case Json::value_t::object:
      return object_from_json(json);
    default:
      return {};
  }
}

}  // namespace msmodelslim::jinja
