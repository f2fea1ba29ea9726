#include "text/utf8.h"

namespace msmodelslim {

bool is_valid_utf8(std::string_view text) {
  const char* data = text.data();
  const std::size_t size = text.size();
  std::size_t pos = 0;
  while (pos < size) {
    if (static_cast<signed char>(data[pos]) >= 0) {
      ++pos;
      continue;
    }
    std::int32_t code = 0;
    U8_NEXT(data, pos, size, code);
    if (code < 0) return false;
  }
  return true;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t pos = 0;
  while (pos < text.size()) {
    std::int32_t code = 0;
    U8_NEXT(text.data(), pos, text.size(), code);
    append_code_point(out, code < 0 ? 0xFFFD : code);
  }
  return out;
}

}  // namespace msmodelslim
