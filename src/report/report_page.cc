#include "report/report_page.h"

#include <string_view>

namespace msmodelslim {

extern const std::string_view kReportPage;  // made from page/report.html by the build

std::string report_page(const Json& report) {
  constexpr std::string_view kPlace = "REPORT_JSON";
  std::string data;
  for (const char c : report.dump()) data += c == '<' ? std::string("\\u003c") : std::string(1, c);
  std::string page(kReportPage);
  return page.replace(page.find(kPlace), kPlace.size(), data);
}

}  // namespace msmodelslim
