#pragma once
// What taps and quantizers have stored of one block, back into others that were made in the same
// way. The bytes may come from a file: every size is checked against the block.

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "forward/block.h"

namespace msmodelslim {

class StatisticsReader {
 public:
  // One for all parts of a pass. `block` must outlive the object.
  explicit StatisticsReader(Block& block);
  // Of a linear outside the blocks.
  explicit StatisticsReader(const Linear& linear);
  // The next part. A DataError when something of the last one is left.
  void open(std::span<const std::byte> part);
  void finish() const;

  template <typename T>
  T value() {
    return bytes_.value<T>();
  }
  // So many.
  template <typename T>
  std::vector<T> values(std::size_t count) {
    std::vector<T> all = bytes_.values<T>();
    if (all.size() != count) throw_wrong("another number of values");
    return all;
  }
  // As many as `linear` has inputs, or none when no token reached it: all parts have to agree.
  template <typename T>
  std::vector<T> of_inputs(const std::string& linear) {
    std::vector<T> all = bytes_.values<T>();
    note_reached(linear, !all.empty());
    if (!all.empty() && all.size() != static_cast<std::size_t>(spec(linear).in))
      throw_wrong("another number of channels");
    return all;
  }
  std::vector<float> floats() { return bytes_.values<float>(); }
  const LinearSpec& spec(const std::string& linear) const;
  void note_reached(const std::string& linear, bool reached);
  // Experts see some of the tokens only.
  bool sees_all(const std::string& linear) const;
  const BlockSpec& block() const { return *block_; }
  [[noreturn]] void throw_wrong(const char* what) const;

 private:
  const BlockSpec* block_ = nullptr;
  std::string where_;
  ByteReader bytes_;
  std::map<std::string, const LinearSpec*> specs_;
  std::map<std::string, bool> reached_;
};

}  // namespace msmodelslim
