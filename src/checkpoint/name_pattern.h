#pragma once
// Names of modules in compressed-tensors' configuration: plain ones, and "re:" with a regular
// expression that has to match from the first character on (Python's re.match).

#include <string>
#include <vector>

#include "text/regex.h"

namespace msmodelslim {

// One "re:..." that matches exactly these names (and none that goes on with a letter, digit, '_'
// or '.'): a tree of the parts between the dots, parts with the same rest of the tree side by side.
//   {model.layers.0.mlp.up, model.layers.1.mlp.up} -> re:model\.layers\.(?:0|1)\.mlp\.up(?![.\w])
std::string pattern_of_names(const std::vector<std::string>& names);

class NamePattern {
 public:
  // Throws DataError, naming `where`, for an expression that cannot be used.
  NamePattern(const std::string& text, const std::string& where);
  bool matches(const std::string& name) const;

 private:
  std::string text_;
  std::string where_;
  std::vector<Regex> regex_;  // none: a plain name
};

}  // namespace msmodelslim
