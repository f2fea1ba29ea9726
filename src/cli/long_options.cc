#include "cli/long_options.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "recipe/join_words.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

std::vector<std::string> with_prefix(const std::vector<std::string>& names,
                                     const std::string& prefix) {
  std::vector<std::string> matches;
  for (const std::string& name : names)
    if (name.starts_with(prefix)) matches.push_back(name);
  return matches;
}

std::string full_name(const std::string& name, const std::vector<std::string>& known,
                      const std::vector<std::string>& older) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return name;
  const std::vector<std::string> matches = with_prefix(known, name);
  if (matches.size() == 1) return matches[0];
  const std::vector<std::string> old_matches = with_prefix(older, name);
  if (old_matches.size() == 1) return old_matches[0];
  if (matches.empty()) {
    std::vector<std::string> nearest = nearest_names(name, known, 2);
    for (std::string& candidate : nearest) candidate.insert(0, "--");
    throw UsageError(
        fmt::format(
            "unknown option --{}{}", name,
            nearest.empty() ? "" : fmt::format("; did you mean {}?", join_words(nearest, " or "))),
        "--help lists the options");
  }
  throw UsageError(
      fmt::format("--{} is ambiguous: it could be --{}", name, join_words(matches, " or --")),
      "write more of the option's name");
}

}  // namespace

std::vector<std::string> expand_long_options(const std::vector<std::string>& args,
                                             const std::vector<std::string>& known,
                                             const std::vector<std::string>& older) {
  std::vector<std::string> result;
  for (auto arg = args.begin(); arg != args.end(); ++arg) {
    if (*arg == "--") {
      result.insert(result.end(), arg, args.end());
      break;
    }
    if (!arg->starts_with("--")) {
      result.push_back(*arg);
      continue;
    }
    const std::size_t equal = arg->find('=');
    std::string name = arg->substr(2, equal == std::string::npos ? equal : equal - 2);
    std::replace(name.begin(), name.end(), '-', '_');
    const std::string value = equal == std::string::npos ? "" : arg->substr(equal);
    result.push_back("--" + full_name(name, known, older) + value);
  }
  return result;
}

bool parse_bool_option(std::string_view option, std::string_view text) {
  std::string word(text);
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* yes : {"true", "yes", "on", "1"})
    if (word == yes) return true;
  for (const char* no : {"false", "no", "off", "0"})
    if (word == no) return false;
  throw UsageError(fmt::format("{} '{}' is neither True nor False", option, text),
                   fmt::format("write {} True or {} False", option, option));
}

}  // namespace msmodelslim
