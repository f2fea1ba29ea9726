#pragma once
// Cosines and sines of rotary embedding, a line a position. A line is computed when a position at
// or behind it is first asked for, so that a model of a million positions costs what is used.

#include <cstdint>
#include <memory>

#include "model/rope.h"

namespace msmodelslim {

struct RopeLines {
  const float* cos;  // [., half]
  const float* sin;
};

class RopeTable {
 public:
  // For sequences of at most `length` tokens; dynamic and longrope depend on it.
  RopeTable(const RopeSpec& rope, std::int64_t length);
  std::int64_t half() const;
  std::int64_t length() const;
  // All lines from position 0 on, of which those before `end` <= length() may be read, as long as
  // this table or a copy is there. Any thread.
  RopeLines before(std::int64_t end) const;
  // That of layers with a window, which may have frequencies of their own.
  const RopeTable& local() const { return local_ ? *local_ : *this; }
  // That of sequences of so many tokens; longrope has two.
  const RopeTable& of_length(std::int64_t tokens) const {
    return short_ && tokens <= short_->length() ? *short_ : *this;
  }

 private:
  class Lines;
  std::shared_ptr<Lines> lines_;
  std::shared_ptr<const RopeTable> local_;
  std::shared_ptr<const RopeTable> short_;
};

}  // namespace msmodelslim
