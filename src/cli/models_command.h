#pragma once
// `msmodelslim models`: which models there are recipes for, and what is needed to use one.

#include <string>
#include <vector>

#include "base/json.h"
#include "recipe/practice_library.h"

namespace msmodelslim {

int run_models(const std::vector<std::string>& words);

// Made of the table of families, the table of model types and the recipes; see the keys in
// models_command.cc.
Json support_matrix(const PracticeLibrary& library);
// docs/models.md.
std::string matrix_markdown(const Json& matrix);

}  // namespace msmodelslim
