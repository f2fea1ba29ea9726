#include "text/byte_level.h"

#include <array>

#include "text/utf8.h"

namespace msmodelslim {
namespace {

constexpr int kAlphabetEnd = 0x100 + 68;

struct Alphabet {
  std::array<char, 512> text{};          // two bytes for each byte value
  std::array<std::uint8_t, 256> size{};  // 1 or 2
  std::array<int, kAlphabetEnd> byte{};  // byte of a code point, -1 for none

  Alphabet() {
    byte.fill(-1);
    int next = 0x100;
    for (int value = 0; value < 256; ++value) {
      const bool printable = (value >= 0x21 && value <= 0x7E) || (value >= 0xA1 && value != 0xAD);
      const int code = printable ? value : next++;
      byte[static_cast<std::size_t>(code)] = value;
      std::string encoded;
      append_code_point(encoded, code);
      const auto index = static_cast<std::size_t>(value);
      size[index] = static_cast<std::uint8_t>(encoded.size());
      text[2 * index] = encoded[0];
      text[2 * index + 1] = encoded.size() == 2 ? encoded[1] : '\0';
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

void append_byte_level(std::string_view text, std::string& out) {
  const Alphabet& table = alphabet();
  const std::size_t start = out.size();
  out.resize(start + 2 * text.size());
  char* cursor = out.data() + start;
  for (const char c : text) {
    const auto index = static_cast<std::size_t>(static_cast<std::uint8_t>(c));
    cursor[0] = table.text[2 * index];
    cursor[1] = table.text[2 * index + 1];  // overwritten by the next character when unused
    cursor += table.size[index];
  }
  out.resize(static_cast<std::size_t>(cursor - out.data()));
}

void append_byte_level_decoded(std::string_view text, std::string& out) {
  const Alphabet& table = alphabet();
  const std::size_t start = out.size();
  std::size_t pos = 0;
  while (pos < text.size()) {
    const std::int32_t code = next_code_point(text, pos);
    const int value = code < kAlphabetEnd ? table.byte[static_cast<std::size_t>(code)] : -1;
    if (value < 0) {
      out.resize(start);
      out.append(text);
      return;
    }
    out.push_back(static_cast<char>(value));
  }
}

}  // namespace msmodelslim
