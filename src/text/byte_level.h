#pragma once
// GPT-2's byte alphabet: every byte is written as one printable character, so that a BPE over
// characters works on bytes. Printable Latin-1 bytes stand for themselves, the other 68 take
// U+0100.. in order of their value (a space is U+0120).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace msmodelslim {

// Appends the characters for the bytes of `text`.
void append_byte_level(std::string_view text, std::string& out);

// Appends the bytes that the characters of `text` stand for; `text` itself when one of its
// characters is not in the alphabet.
void append_byte_level_decoded(std::string_view text, std::string& out);

}  // namespace msmodelslim
