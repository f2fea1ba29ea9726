#pragma once
// The page quant_report.html: page/report.html with a report inside it. It asks for nothing from
// anywhere.

#include <string>

#include "base/json.h"

namespace msmodelslim {

// `report`: as cli/quant_report.h describes it.
std::string report_page(const Json& report);

}  // namespace msmodelslim
