#include "cli/command_line.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "cli/long_options.h"

namespace msmodelslim {

bool parse_words(CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  std::vector<std::string> rest = expand_long_options(words, names);
  std::reverse(rest.begin(), rest.end());
  try {
    app.parse(rest);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what(), "see " + app.get_name() + " --help");
  }
  return true;
}

}  // namespace msmodelslim
