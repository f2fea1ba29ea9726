#pragma once
// Recipes made out of a template.

#include <string>
#include <vector>

#include "recipe/recipe.h"

namespace msmodelslim {

YamlValue text_list(const std::vector<std::string>& texts);

// The value of `key`, which is added as an empty list where there is none.
YamlValue& list_of(YamlValue& map, const std::string& key);

// The template with the processors `anti` (a list) in front, and `patterns` added to the exclude of
// every linear_quant entry at its top, unless an exclude there covers them.
Recipe with_excludes(const Recipe& base, const YamlValue& anti,
                     const std::vector<std::string>& patterns);

// Union of the includes of the linear_quant entries, each once; without any: *.
std::vector<std::string> included_patterns(const Recipe& recipe);

// "*<block>.*"
std::string block_pattern(const std::string& block);

// Pattern of a candidate of binary_fallback against the names of the model's modules: itself where
// it has a star; a linear's name, or what is below a module. UsageError when it matches nothing.
std::string candidate_pattern(const std::string& candidate, const std::vector<std::string>& names);

// The template with `patterns` added to the list at `path` ("spec", "process", "1", "exclude").
// UsageError when there is no list.
Recipe with_list(const Recipe& base, const std::vector<std::string>& path,
                 const std::vector<std::string>& patterns);

}  // namespace msmodelslim
