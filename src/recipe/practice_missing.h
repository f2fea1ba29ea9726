#pragma once
// What the library has instead, when no recipe fits.

#include <string>

#include "recipe/model_types.h"
#include "recipe/practice_library.h"
#include "recipe/quant_type.h"

namespace msmodelslim {

// "recipes for w4a4: a (Model-1), b (Model-2); types of Model-3: w8a8, w8a16"
std::string describe_library(const PracticeLibrary& library, const ModelType& model,
                             const QuantType& wanted);

}  // namespace msmodelslim
