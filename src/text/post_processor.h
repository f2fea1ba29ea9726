#pragma once
// "post_processor" of tokenizer.json, for one sequence: the special tokens around the text.

#include <cstdint>
#include <vector>

#include "text/component.h"

namespace msmodelslim {

struct PostProcessor {
  std::vector<std::int32_t> prefix;
  std::vector<std::int32_t> suffix;
};

// Throws DataError that names the component for a type or template that is not supported.
PostProcessor make_post_processor(const Component& component);

}  // namespace msmodelslim
