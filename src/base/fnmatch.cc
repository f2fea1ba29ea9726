#include "base/fnmatch.h"

#include <cstddef>

namespace msmodelslim {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// Where the set that begins at pattern[at] == '[' is closed; a ']' that comes first is a member.
std::size_t end_of_set(std::string_view pattern, std::size_t at) {
  std::size_t first = at + 1;
  if (first < pattern.size() && pattern[first] == '!') ++first;
  return pattern.find(']', first + 1);
}

bool in_set(char c, std::string_view members) {
  for (std::size_t i = 0; i < members.size(); ++i) {
    const bool range = i + 2 < members.size() && members[i + 1] == '-';
    if (range ? members[i] <= c && c <= members[i + 2] : members[i] == c) return true;
    if (range) i += 2;
  }
  return false;
}

// Matches one character against the pattern at `at`, which moves behind what it used.
bool matches_one(char c, std::string_view pattern, std::size_t* at) {
  if (pattern[*at] == '?') {
    ++*at;
    return true;
  }
  const std::size_t end = pattern[*at] == '[' ? end_of_set(pattern, *at) : kNone;
  if (end == kNone) return pattern[(*at)++] == c;
  std::string_view members = pattern.substr(*at + 1, end - *at - 1);
  const bool negated = members.front() == '!';
  if (negated) members.remove_prefix(1);
  *at = end + 1;
  return in_set(c, members) != negated;
}

}  // namespace

bool python_fnmatch(std::string_view name, std::string_view pattern) {
  std::size_t n = 0;
  std::size_t p = 0;
  std::size_t star = kNone;  // behind the last star
  std::size_t from = 0;      // where its run ended
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      from = n;
      continue;
    }
    if (p < pattern.size() && matches_one(name[n], pattern, &p)) {
      ++n;
      continue;
    }
    if (star == kNone) return false;
    p = star;
    n = ++from;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace msmodelslim
