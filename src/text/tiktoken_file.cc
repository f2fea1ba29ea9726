#include "text/tiktoken_file.h"

#include <algorithm>
#include <bitset>
#include <charconv>
#include <unordered_set>

#include "base/error.h"
#include "text/vocabulary.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "the file is damaged or cut; download it again";

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// "" for text that is not base64.
std::string from_base64(std::string_view text) {
  const std::size_t size = text.size();
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  if (size % 4 != 0 || text.size() % 4 == 1) return "";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return "";
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xff));
  }
  return bytes;
}

// False for a line that is not one of a tiktoken file.
bool read_line(std::string_view line, TiktokenEntry& entry) {
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return false;
  entry.bytes = from_base64(line.substr(0, blank));
  const std::string_view rank = line.substr(line.find_last_of(' ') + 1);
  const auto [stop, error] = std::from_chars(rank.data(), rank.data() + rank.size(), entry.rank);
  return !entry.bytes.empty() && error == std::errc() && stop == rank.data() + rank.size() &&
         entry.rank >= 0 && entry.rank <= Vocabulary::kMaxId &&
         line.find_first_not_of(' ', blank) == line.size() - rank.size();
}

}  // namespace

std::vector<TiktokenEntry> read_tiktoken(std::string_view text, const std::string& where) {
  std::vector<TiktokenEntry> entries;
  std::unordered_set<std::int32_t> ranks;
  std::bitset<256> bytes;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    TiktokenEntry entry;
    if (!read_line(line, entry))
      throw DataError(
          fmt::format("{}: line {} is not a token in base64 and its rank", where, number), kRemedy);
    if (!ranks.insert(entry.rank).second)
      throw DataError(
          fmt::format("{}: line {}: the rank {} appears twice", where, number, entry.rank),
          kRemedy);
    if (entry.bytes.size() == 1) bytes.set(static_cast<std::uint8_t>(entry.bytes[0]));
    entries.push_back(std::move(entry));
  }
  if (!bytes.all())
    throw DataError(
        fmt::format("{}: {} of the 256 single bytes are no tokens", where, 256 - bytes.count()),
        kRemedy);
  return entries;
}

}  // namespace msmodelslim
