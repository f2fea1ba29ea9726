#pragma once
// Long options as Python's argparse takes them, for every sub-command: unambiguous abbreviations,
// `--option=value`, and `-` and `_` in option names mean the same.

#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

// Replaces every `--name` by the full spelling out of `known` (names without the dashes, written
// with `_`). Words behind a lone `--` stay as they are. UsageError for unknown names, with the
// nearest ones, and for ambiguous abbreviations. Of several names that fit, the only one in `older`
// is meant: abbreviations in scripts stay what they are when options are added.
std::vector<std::string> expand_long_options(const std::vector<std::string>& args,
                                             const std::vector<std::string>& known,
                                             const std::vector<std::string>& older = {});

// True/False, true/false, yes/no, on/off, 1/0 in any case. UsageError names `option`.
bool parse_bool_option(std::string_view option, std::string_view text);

}  // namespace msmodelslim
