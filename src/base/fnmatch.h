#pragma once
// Name patterns of `analyze`: Python's fnmatch, case-sensitive. `*` any run of characters, also an
// empty one; `?` one character; `[abc]`, `[a-c]`, `[!a]` sets. No braces and no escapes; a `[` that
// is not closed stands for itself. The whole name must match.

#include <string_view>

namespace msmodelslim {

bool python_fnmatch(std::string_view name, std::string_view pattern);

}  // namespace msmodelslim
