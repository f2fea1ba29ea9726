#pragma once
// JSON in the text of a model, perhaps cut off: how far a value goes, and a tool call as an object.

#include <optional>
#include <string>
#include <string_view>

#include "serve/parse_answer.h"

namespace msmodelslim {

// The rest of a text, read from the front.
class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : rest_(text) {}

  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }
  void skip_space();
  void skip(std::size_t count) { rest_.remove_prefix(count); }
  bool take(std::string_view mark);             // whether it stood there
  bool may_begin(std::string_view mark) const;  // the rest is a beginning of `mark`, no more
  // What stands before `mark`, which is skipped; nothing when it has not come.
  std::optional<std::string_view> take_until(std::string_view mark);

 private:
  std::string_view rest_;
};

// The end of the JSON value that `text` begins with; npos when it is not complete. Brackets and
// strings are looked at, nothing else.
std::size_t json_value_end(std::string_view text);

// What is known about a call that is being written.
struct CallInProgress {
  std::optional<ToolCall> call;  // as far as it has come; once there is one it only grows
  bool broken = false;           // this is no call
  bool complete = false;         // the cursor is behind it
};

// Reads {"name": ..., "arguments" or "parameters": ...}; other members are passed over.
CallInProgress read_call_object(TextCursor& cursor);

// Reads an object of arguments; `name` is known already.
CallInProgress read_arguments(TextCursor& cursor, std::string name);

}  // namespace msmodelslim
