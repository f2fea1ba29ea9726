#pragma once
// The error of a template that cannot be read.

#include <stdexcept>
#include <string>

namespace msmodelslim::jinja {

class SyntaxError : public std::runtime_error {
 public:
  SyntaxError(int line, const std::string& message) : std::runtime_error(message), line_(line) {}
  int line() const { return line_; }

 private:
  int line_;
};

}  // namespace msmodelslim::jinja
