#pragma once
// Character classes as the tokenizers library has them, from ICU's tables: those of Rust's standard
// library and regex crate follow the newest Unicode, some others stay at the version their crate
// was made for.

#include <unicode/uchar.h>

#include <cstdint>

namespace msmodelslim {

inline bool is_since_unicode(std::int32_t code, int version) {
  UVersionInfo age;
  u_charAge(code, age);
  return age[0] > 0 && age[0] <= version;
}

inline bool is_white_space(std::int32_t code) { return u_isUWhiteSpace(code) != 0; }

inline bool is_numeric(std::int32_t code) { return (U_GET_GC_MASK(code) & U_GC_N_MASK) != 0; }

// As of Unicode 9, like the normal forms.
inline bool is_combining_mark(std::int32_t code) {
  return (U_GET_GC_MASK(code) & U_GC_M_MASK) != 0 && is_since_unicode(code, 9);
}

// As of Unicode 8. ASCII symbols such as $ and + count as punctuation, other symbols do not.
inline bool is_punctuation(std::int32_t code) {
  if (code < 0x80) return code > 0x20 && code < 0x7F && u_isalnum(code) == 0;
  return (U_GET_GC_MASK(code) & U_GC_P_MASK) != 0 && is_since_unicode(code, 8);
}

// \w of the regex crate.
inline bool is_word(std::int32_t code) {
  constexpr std::uint32_t kMask = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_isUAlphabetic(code) != 0 || (U_GET_GC_MASK(code) & kMask) != 0 ||
         u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL) != 0;
}

}  // namespace msmodelslim
