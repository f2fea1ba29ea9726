#pragma once
// What becomes of each tensor of a conversion.

#include <string>
#include <vector>

#include "checkpoint/ascendv1.h"
#include "pipeline/convert_tensors.h"

namespace msmodelslim {

struct ConvertChoice {
  enum class Kind {
    kAsIs,     // plain, as in the files
    kCodes,    // codes and scales, as in the files
    kFloat,    // decoded
    kQuantize  // `type`
  };
  Kind kind = Kind::kAsIs;
  LinearType type = LinearType::kFloat;
  std::string edge;  // "FP8_BLOCK -> FLOAT -> W8A8_MXFP8"
};

// "a.b" of "a.b.weight"; the name itself of any other tensor.
std::string module_of(const std::string& tensor);

// UsageError, with all of them: rules that match nothing, routes that do not begin with the form of
// a tensor, targets that a tensor has no room for, and codes without a place in the output.
std::vector<ConvertChoice> choose_conversions(const ConvertPlan& plan,
                                              const std::vector<std::string>& exclude,
                                              const CheckpointReader& checkpoint,
                                              const std::vector<ConvertTensor>& tensors);

}  // namespace msmodelslim
