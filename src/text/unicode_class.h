#pragma once
// Character classes as Rust's standard library and regex crate define them, from ICU's tables.

#include <unicode/uchar.h>

#include <cstdint>

namespace msmodelslim {

inline bool is_white_space(std::int32_t code) { return u_isUWhiteSpace(code) != 0; }

inline bool is_numeric(std::int32_t code) { return (U_GET_GC_MASK(code) & U_GC_N_MASK) != 0; }

inline bool is_mark(std::int32_t code) { return (U_GET_GC_MASK(code) & U_GC_M_MASK) != 0; }

// ASCII symbols such as $ and + count as punctuation, other symbols do not.
inline bool is_punctuation(std::int32_t code) {
  if (code < 0x80) return code > 0x20 && code < 0x7F && u_isalnum(code) == 0;
  return (U_GET_GC_MASK(code) & U_GC_P_MASK) != 0;
}

// \w of the regex crate.
inline bool is_word(std::int32_t code) {
  constexpr std::uint32_t kMask = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_isUAlphabetic(code) != 0 || (U_GET_GC_MASK(code) & kMask) != 0 ||
         u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL) != 0;
}

}  // namespace msmodelslim
