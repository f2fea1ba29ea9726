#pragma once
// What stops a template that would run or grow without end, and the error of a template.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace msmodelslim::jinja {

struct Limits {
  std::int64_t steps = 20'000'000;      // evaluated expressions, statements and visited items
  std::int64_t bytes = 1LL << 30;       // of all strings and lists that are made, added up
  std::int64_t output_bytes = 1 << 26;  // of the text that comes out
};

// A mistake in a template, or a value that it cannot work with. The interpreter adds file and line.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The template itself called raise_exception(message).
class Raised : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Budget {
 public:
  explicit Budget(const Limits& limits) : left_(limits) {}

  void steps(std::int64_t count) { take(left_.steps, count, "it takes too many steps"); }
  void bytes(std::size_t count) {
    take(left_.bytes, static_cast<std::int64_t>(count), "its values need too much memory");
  }
  // Before walking through a value of that weight.
  void look(std::int64_t weight) { steps(weight / 64); }
  void output(std::size_t count) {
    take(left_.output_bytes, static_cast<std::int64_t>(count), "its output is too long");
  }

 private:
  static void take(std::int64_t& left, std::int64_t count, const char* problem) {
    if (count > left) throw Failure(std::string("the template was stopped: ") + problem);
    left -= count;
  }

  Limits left_;
};

}  // namespace msmodelslim::jinja
