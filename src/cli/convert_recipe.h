#pragma once
// `quant --config_path` and `convert --config_path` of a modelslim_convert recipe.

#include "cli/quant_args.h"
#include "recipe/recipe.h"

namespace msmodelslim {

// The exit code. UsageError for another apiversion, and for options that a conversion has no use
// for.
int run_recipe_conversion(const QuantArgs& args, const Recipe& recipe);

}  // namespace msmodelslim
