#pragma once
// Which inference engine loads which type of linear (formats reference, section 6.3). Examined:
// vLLM-Ascend, main of July 2026 and the release branches up to v0.26.

#include <string>
#include <vector>

namespace msmodelslim {

struct EngineSupport {
  std::string type;     // as the description names it
  bool grouped;         // weight scales per group of columns
  std::string engines;  // that load such a linear of a dense model; "" when none does
  std::string remark;   // why not
};

const std::vector<EngineSupport>& engine_support();

// "" when an engine loads linears of this type, else a sentence for a warning. A type that is not
// in the table is loaded by none.
std::string why_not_loadable(const std::string& type, bool grouped);

}  // namespace msmodelslim
