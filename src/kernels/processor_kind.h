#pragma once
// What of the processor decides about the order of floating-point sums.

#include <string>

namespace msmodelslim {

// Machines with the same text make the same bytes, as far as this program's kernels go.
std::string processor_kind();

}  // namespace msmodelslim
