#pragma once
// Module name patterns of recipes: wcmatch's fnmatch with BRACE, as msModelSlim uses it.
//
// `*` any run of characters (dots included; not an empty name, not a leading dot), `?` one
// character, `[abc] [a-z] [!a] [[:digit:]]` sets, `{a,b} {1..5} {01..10} {a..c}` braces (nested,
// expanded first, at most 1000). Backslash escapes. Case-sensitive; the whole name must match.

#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

class Glob {
 public:
  explicit Glob(std::string pattern);  // throws UsageError for more than 1000 brace expansions
  bool matches(std::string_view name) const;
  const std::string& pattern() const { return pattern_; }
  bool operator==(const Glob& other) const { return pattern_ == other.pattern_; }

 private:
  std::string pattern_;
  std::vector<std::string> expanded_;
};

// Brace expansion alone, in order, for tests and messages.
std::vector<std::string> expand_braces(const std::string& pattern);

}  // namespace msmodelslim
