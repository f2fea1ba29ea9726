#pragma once
// The three kinds of failure of the program. They are thrown from anywhere and caught once, in cli.
//
// A message says what went wrong, where (file, tensor, line), what was expected and what was found;
// the remedy says what the user can do next. Exit codes: UsageError 2, DataError 1,
// ResourceError 1.

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace msmodelslim {

class Error : public std::runtime_error {
 public:
  Error(const std::string& message, std::string remedy)
      : std::runtime_error(message), remedy_(std::move(remedy)) {}
  const std::string& remedy() const { return remedy_; }
  virtual const char* kind() const = 0;
  virtual int exit_code() const { return 1; }

 private:
  std::string remedy_;
};

// Arguments, recipe or combination of options are wrong; nothing was started.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message, std::string remedy = "")
      : Error(message, std::move(remedy)) {}
  const char* kind() const override { return "UsageError"; }
  int exit_code() const override { return 2; }
};

// A file is not what it claims to be.
class DataError : public Error {
 public:
  explicit DataError(const std::string& message, std::string remedy = "")
      : Error(message, std::move(remedy)) {}
  const char* kind() const override { return "DataError"; }
};

// Disk, memory, permission or device.
class ResourceError : public Error {
 public:
  explicit ResourceError(const std::string& message, std::string remedy = "")
      : Error(message, std::move(remedy)) {}
  const char* kind() const override { return "ResourceError"; }
};

}  // namespace msmodelslim
