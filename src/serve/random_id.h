#pragma once
// Names that no other answer has.

#include <cstddef>
#include <string>
#include <string_view>

namespace msmodelslim {

// `prefix` and so many random letters and digits.
std::string random_id(std::string_view prefix, std::size_t length);

}  // namespace msmodelslim
