#pragma once
// How a sub-command takes its words.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace msmodelslim {

// Fills in what `app` declares; its long options may be abbreviated, and `-` and `_` in them are
// the same. False when help was asked for and printed; UsageError for what cannot be understood.
bool parse_words(CLI::App& app, const std::vector<std::string>& words);

}  // namespace msmodelslim
