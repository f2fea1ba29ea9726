#pragma once
// --device: where to compute. The output does not depend on it.

#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

struct Device {
  enum class Kind { kAuto, kCpu, kNpu };
  Kind kind = Kind::kAuto;
  std::vector<int> indices;  // as given; empty: none
};

// `auto`, `cpu`, `npu`, each with optional blanks around; `npu:0`, `npu:0,1`, `npu: 0 , 1`,
// `npu:0,,1` (blank entries do not count), `npu:` (no index). UsageError for everything else:
// unknown or capital type, indices that are not whole numbers, negative or given twice, a list with
// blank entries only, more than one index for `cpu`, any index for `auto`.
Device parse_device(std::string_view text);

}  // namespace msmodelslim
