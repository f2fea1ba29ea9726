#include "text/charsmap.h"

#include "base/error.h"
#include "text/utf8.h"

namespace msmodelslim {
namespace {

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[at + i])) << (8 * i);
  return value;
}

std::uint32_t label(std::uint32_t unit) { return unit & 0x800000ffU; }
bool has_leaf(std::uint32_t unit) { return ((unit >> 8) & 1U) != 0; }
std::uint32_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) >> 6); }
std::uint32_t value(std::uint32_t unit) { return unit & 0x7fffffffU; }

bool is_inside_character(std::string_view text, std::size_t at) {
  return at < text.size() && U8_IS_TRAIL(static_cast<std::uint8_t>(text[at]));
}

}  // namespace

Charsmap::Charsmap(std::string_view bytes, const std::string& where) {
  if (bytes.empty()) return;
  const std::uint64_t size = bytes.size() < 4 ? 0 : read_u32(bytes, 0);
  const bool whole = size > 0 && size % 4 == 0 && size + 4 <= bytes.size();
  if (whole) texts_ = bytes.substr(4 + size);
  if (!whole || !is_valid_utf8(texts_) || (!texts_.empty() && texts_.back() != '\0'))
    throw DataError(
        fmt::format("{}: the map of characters (precompiled_charsmap) is damaged", where),
        "download tokenizer.model again");
  units_.reserve(size / 4);
  for (std::size_t at = 4; at < 4 + size; at += 4) units_.push_back(read_u32(bytes, at));
}

std::optional<std::string_view> Charsmap::find(std::string_view text, std::size_t pos,
                                               std::size_t& used) const {
  if (units_.empty()) return std::nullopt;
  std::optional<std::string_view> best;
  std::uint64_t node = offset(units_[0]);
  for (std::size_t i = pos; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) break;
    const std::uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit) || node >= units_.size() || is_inside_character(text, i + 1)) continue;
    const std::size_t begin = value(units_[node]);
    if (begin >= texts_.size() || is_inside_character(texts_, begin)) continue;
    best = std::string_view(texts_).substr(begin, texts_.find('\0', begin) - begin);
    used = i + 1 - pos;
  }
  return best;
}

}  // namespace msmodelslim
