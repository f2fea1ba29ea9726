#pragma once
// "a, b, c".

#include <string>
#include <string_view>

namespace msmodelslim {

template <typename Range>
std::string join_words(const Range& words, std::string_view between = ", ") {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

}  // namespace msmodelslim
