#pragma once
// The shortest interval that holds a share of the values.
// Source: quantizers reference 11: of the sorted values the first run of k = int(ratio n) whose
// ends are closest together. Ours does not sort what cannot be an end.

#include <vector>

#include "observe/ranges.h"

namespace msmodelslim {

// `values` is not empty and is reordered; `ratio` in (0, 1].
MinMax recall_window(std::vector<float>& values, double ratio);

}  // namespace msmodelslim
