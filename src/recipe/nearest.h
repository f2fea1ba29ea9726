#pragma once
// "Did you mean ...": the closest of some names.

#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

// Single-character insertions, deletions and replacements from `a` to `b`; case does not count.
std::size_t edit_distance(std::string_view a, std::string_view b);

// At most `count` of `names`, closest first, none that differs in more than half of the characters.
std::vector<std::string> nearest_names(std::string_view wanted,
                                       const std::vector<std::string>& names, std::size_t count);

// "; did you mean a or b?" or "".
std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& names);

}  // namespace msmodelslim
