#pragma once
// What Python's str does, on valid UTF-8.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim::jinja {

bool is_space(std::int32_t code);  // str.isspace() of one character

// Offset in bytes of the first place at or after `from`, npos when there is none. In linear time.
std::size_t find_text(std::string_view text, std::string_view part, std::size_t from = 0);

std::int64_t count_code_points(std::string_view text);
// The offset of code point `index`, or the end of the text.
std::size_t offset_of(std::string_view text, std::int64_t index);
std::vector<std::string> code_points(std::string_view text);

// Strips white space, or the characters of `chars` when it is given.
struct StripSides {
  bool left = true;
  bool right = true;
};
std::string_view strip(std::string_view text, StripSides sides = {},
                       std::optional<std::string_view> chars = std::nullopt);

// At white space when `separator` is absent. At most `max_splits` times, any number when negative;
// counted from the right end when `from_right`. An empty separator must be refused before.
std::vector<std::string> split(std::string_view text, std::optional<std::string_view> separator,
                               std::int64_t max_splits, bool from_right);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);

// Replaces the first `count` places, all when negative.
std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    std::int64_t count);

// & < > and quotes as HTML wants them.
std::string escape_html(std::string_view text);

std::string lower(std::string_view text);
std::string upper(std::string_view text);
std::string capitalize(std::string_view text);
std::string title(std::string_view text);

// There is a cased character, and all of them are lower case (upper case).
bool is_lower(std::string_view text);
bool is_upper(std::string_view text);

}  // namespace msmodelslim::jinja
