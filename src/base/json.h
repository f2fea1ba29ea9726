#pragma once
// JSON from files we did not write: one parser, one kind of error.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace msmodelslim {

using Json = nlohmann::ordered_json;  // keeps the key order of the file; lookups are linear
using SortedJson = nlohmann::json;    // for objects with very many keys

// Parses `text`; `where` (a path) is named in the DataError. Nesting deeper than 200 levels and
// duplicate keys are refused.
Json parse_json(std::string_view text, const std::string& where);
SortedJson parse_sorted_json(std::string_view text, const std::string& where);
Json read_json_file(const std::string& path);

// Text as Python's json.dump(obj, indent=n) writes it: non-ASCII escaped, no trailing newline.
std::string dump_json_python(const Json& value, int indent);

}  // namespace msmodelslim
