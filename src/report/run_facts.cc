#include "report/run_facts.h"

#include <fmt/chrono.h>

#include <ctime>
#include <fstream>

#include "base/files.h"

namespace msmodelslim {

std::string report_date() {
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(std::time(nullptr)));
}

std::string cpu_name() {
  std::error_code ec;
  if (!fs::exists("/proc/cpuinfo", ec)) return "unknown";
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "unknown";
}

std::string folder_name(const std::string& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole.filename().string() : whole.parent_path().filename().string();
}

}  // namespace msmodelslim
