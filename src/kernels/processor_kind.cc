#include "kernels/processor_kind.h"

#include <fmt/format.h>
#include <hwy/targets.h>

#include "kernels/gemm.h"

namespace msmodelslim {

std::string processor_kind() {
  return fmt::format("vector instructions {:x}, bfloat16 products {}", hwy::SupportedTargets(),
                     has_bf16_products() ? "yes" : "no");
}

}  // namespace msmodelslim
