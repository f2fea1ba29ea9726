#pragma once
// Typed metadata values of a GGUF file. Strings and arrays borrow the bytes of the file.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace msmodelslim {

enum class GgufKind : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

std::size_t gguf_kind_size(GgufKind kind);  // 0 for strings and arrays

// Strings are decoded into views; numbers stay as bytes; arrays of arrays are only skipped over.
struct GgufArray {
  GgufKind kind = GgufKind::kU8;
  std::uint64_t count = 0;
  const std::byte* numbers = nullptr;
  std::vector<std::string_view> strings;

  std::int64_t integer_at(std::uint64_t i) const;  // integer and bool kinds
  double number_at(std::uint64_t i) const;         // any numeric kind
};

// Unsigned integers above 2^63-1 are refused when read, so int64 holds every integer.
using GgufValue = std::variant<std::int64_t, double, bool, std::string_view, GgufArray>;

// The key-value part of a file. The getters throw DataError naming the file and the key when the
// value has another kind; `need_*` also when it is absent.
class GgufMetadata {
 public:
  explicit GgufMetadata(std::string where) : where_(std::move(where)) {}

  const std::string& where() const { return where_; }
  const std::map<std::string, GgufValue, std::less<>>& values() const { return values_; }
  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  void add(std::string key, GgufValue value);  // DataError for a key that is there already

  std::int64_t need_integer(std::string_view key) const;
  double need_number(std::string_view key) const;
  std::string need_string(std::string_view key) const;
  const GgufArray& need_array(std::string_view key, GgufKind kind) const;
  std::int64_t integer_or(std::string_view key, std::int64_t fallback) const;
  double number_or(std::string_view key, double fallback) const;
  bool bool_or(std::string_view key, bool fallback) const;
  std::string string_or(std::string_view key, const std::string& fallback) const;

 private:
  const GgufValue& need(std::string_view key) const;
  [[noreturn]] void wrong_kind(std::string_view key, std::string_view expected) const;

  std::string where_;
  std::map<std::string, GgufValue, std::less<>> values_;
};

}  // namespace msmodelslim
