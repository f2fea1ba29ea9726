#pragma once
// Values as bytes and back, for messages between processes of one program on machines of one kind,
// and for files that only this program writes.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace msmodelslim {

using Bytes = std::vector<std::byte>;

class ByteWriter {
 public:
  template <typename T>
  void value(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    append(&value, sizeof(T));
  }
  template <typename T>
  void values(const T* from, std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    value<std::uint64_t>(count);
    append(from, count * sizeof(T));
  }
  template <typename T>
  void values(const std::vector<T>& from) {
    values(from.data(), from.size());
  }
  void text(const std::string& from) { values(from.data(), from.size()); }
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  Bytes take() { return std::move(bytes_); }

 private:
  void append(const void* from, std::size_t count) {
    const auto* bytes = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), bytes, bytes + count);
  }
  Bytes bytes_;
};

// Reads what a ByteWriter has written, in its order. Throws DataError behind the end, before
// anything is allocated.
class ByteReader {
 public:
  explicit ByteReader(const Bytes& bytes) : ByteReader(std::span<const std::byte>(bytes)) {}
  explicit ByteReader(std::span<const std::byte> bytes) : at_(bytes.data()), left_(bytes.size()) {}
  bool at_end() const { return left_ == 0; }
  std::size_t left() const { return left_; }
  template <typename T>
  T value() {
    T result;
    copy(&result, 1);
    return result;
  }
  template <typename T>
  std::vector<T> values() {
    const auto count = value<std::uint64_t>();
    if (count > left_ / sizeof(T)) throw_short();
    std::vector<T> result(count);
    copy(result.data(), count);
    return result;
  }
  std::string text() {
    const std::vector<char> letters = values<char>();
    return {letters.begin(), letters.end()};
  }

 private:
  template <typename T>
  void copy(T* to, std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (count > left_ / sizeof(T)) throw_short();
    if (count > 0) std::memcpy(to, at_, count * sizeof(T));
    at_ += count * sizeof(T);
    left_ -= count * sizeof(T);
  }
  [[noreturn]] static void throw_short() {
    throw DataError("what one part of the program wrote for another ends too early",
                    "start all ranks with the same program; make a file with statistics again");
  }
  const std::byte* at_;
  std::size_t left_;
};

}  // namespace msmodelslim
