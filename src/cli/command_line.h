#pragma once
// How a sub-command takes its words.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "runtime/loaded_model.h"

namespace msmodelslim {

// Fills in what `app` declares; its long options may be abbreviated, and `-` and `_` in them are
// the same. False when help was asked for and printed; UsageError for what cannot be understood.
bool parse_words(CLI::App& app, const std::vector<std::string>& words);

// --lm_head float|int8 of commands that load a model.
void add_lm_head_option(CLI::App& app, std::string& value);
LoadOptions load_options(const std::string& lm_head);

}  // namespace msmodelslim
