#pragma once
// What experience says about structures: the plan of standing_high_with_experience turned into one
// of standing_high (analysis reference 2.6).

#include "advise/tune_plan.h"
#include "recipe/fields.h"

namespace msmodelslim {

// `fields`: of `strategy`; quant_type and structure_configs. Problems go to `problems`.
StandingHigh with_experience(Fields& fields, Problems* problems);

// The template of a standing_high plan that has none.
YamlValue default_template();

// The label {w_bit, a_bit} of a recipe.
YamlValue bits_label(int weight, int activation);

}  // namespace msmodelslim
