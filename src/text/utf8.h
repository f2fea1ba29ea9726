#pragma once
// UTF-8 in and out of code points. Every string inside the tokenizer is valid UTF-8; text from
// outside goes through to_valid_utf8() first.

#include <unicode/utf8.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace msmodelslim {

// Code point at `pos` of valid UTF-8; moves `pos` behind it.
inline std::int32_t next_code_point(std::string_view text, std::size_t& pos) {
  std::int32_t code = 0;
  U8_NEXT_UNSAFE(text.data(), pos, code);
  return code;
}

// Bytes of the character that starts with `lead`, in valid UTF-8.
inline std::size_t char_length(char lead) {
  return 1 + static_cast<std::size_t>(U8_COUNT_TRAIL_BYTES_UNSAFE(static_cast<std::uint8_t>(lead)));
}

inline void append_code_point(std::string& out, std::int32_t code) {
  char bytes[U8_MAX_LENGTH];
  int length = 0;
  U8_APPEND_UNSAFE(bytes, length, code);
  out.append(bytes, static_cast<std::size_t>(length));
}

bool is_valid_utf8(std::string_view text);

// Each maximal ill-formed part becomes one U+FFFD, as browsers and Python's errors="replace" do.
std::string to_valid_utf8(std::string_view text);

}  // namespace msmodelslim
