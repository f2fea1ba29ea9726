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

void add_lm_head_option(CLI::App& app, std::string& value) {
  app.add_option("--lm_head", value,
                 "float: as the folder has it (default); int8: quantized when it is loaded, faster")
      ->check(CLI::IsMember({"float", "int8"}))
      ->type_name("float|int8");
}

LoadOptions load_options(const std::string& lm_head) { return {.int8_head = lm_head == "int8"}; }

}  // namespace msmodelslim
