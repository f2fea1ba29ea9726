#pragma once
// What every report says about the run itself.

#include <string>

namespace msmodelslim {

std::string report_date();  // "2026-01-31 12:00", local
std::string cpu_name();     // the processor's own name, where the system tells it
// The last part of a path, whether or not a slash follows it.
std::string folder_name(const std::string& path);

}  // namespace msmodelslim
