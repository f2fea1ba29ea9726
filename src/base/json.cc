#include "base/json.h"

#include <set>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace msmodelslim {
namespace {
constexpr std::size_t kMaxDepth = 200;

template <typename J>
J parse_checked(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> keys;
  auto check = [&](int depth, typename J::parse_event_t event, J& parsed) {
    if (depth > static_cast<int>(kMaxDepth))
      throw DataError(fmt::format("{}: JSON is nested deeper than {} levels", where, kMaxDepth),
                      "the file is damaged; download it again");
    if (event == J::parse_event_t::object_start) keys.emplace_back();
    if (event == J::parse_event_t::object_end) keys.pop_back();
    if (event == J::parse_event_t::key) {
      const auto& key = parsed.template get_ref<const std::string&>();
      if (!keys.back().insert(key).second)
        throw DataError(
            fmt::format("{}: the key \"{}\" appears twice in one JSON object", where, key),
            "remove one of the two entries");
    }
    return true;
  };
  try {
    return J::parse(text.begin(), text.end(), check);
  } catch (const nlohmann::json::exception& e) {
    throw DataError(fmt::format("{}: not valid JSON: {}", where, e.what()),
                    "the file is damaged or cut; download it again");
  }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  return parse_checked<Json>(text, where);
}

SortedJson parse_sorted_json(std::string_view text, const std::string& where) {
  return parse_checked<SortedJson>(text, where);
}

Json read_json_file(const std::string& path) { return parse_json(read_file(path), path); }

std::string dump_json_python(const Json& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/true);
}

}  // namespace msmodelslim
