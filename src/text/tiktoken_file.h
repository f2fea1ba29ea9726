#pragma once
// A tiktoken file: one token a line, best first.
//
//   file := { base64 of the token's bytes, blanks, its rank in decimal, newline }
//
// The rank is the token's id and its order among the merges.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

struct TiktokenEntry {
  std::string bytes;  // not empty
  std::int32_t rank = 0;
};

// Every single byte is among them, no rank twice. Throws DataError with the line for other text.
std::vector<TiktokenEntry> read_tiktoken(std::string_view text, const std::string& where);

}  // namespace msmodelslim
