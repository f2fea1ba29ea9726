#pragma once
// Sets of characters that Oniguruma and PCRE2 see differently, as items of a PCRE2 class.

#include <string>
#include <string_view>

namespace msmodelslim {

inline constexpr std::string_view kSpace =
    R"(\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
inline constexpr std::string_view kNotSpace =
    R"(\x00-\x08\x0e-\x1f\x21-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
// Alphabetic, Mark, Decimal_Number, Connector_Punctuation, and Latin-1 digits such as U+00B2.
inline constexpr std::string_view kWord =
    R"(\p{L}\p{M}\p{Nl}\p{Nd}\p{Pc}\xb2\xb3\xb9\xbc-\xbe\x{24b6}-\x{24e9})"
    R"(\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";

inline constexpr std::string_view kHexDigit = "0-9a-fA-F";
inline constexpr std::string_view kAny = R"([\x00-\x{10ffff}])";

// Name that PCRE2 has for the property \p{name} of Oniguruma.
std::string property_name(const std::string& name);

}  // namespace msmodelslim
