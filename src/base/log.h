#pragma once
// Log lines on stderr: "<date time,ms> - <logger> - <LEVEL> - <message>".
// The level comes from MSMODELSLIM_LOG_LEVEL (DEBUG, INFO, WARNING, ERROR; any case; default INFO).

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace msmodelslim {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Throws UsageError when MSMODELSLIM_LOG_LEVEL holds something else. Call once, at start.
void init_logging();
void set_log_level(LogLevel level);
LogLevel log_level();
void log_message(LogLevel level, std::string_view logger, std::string_view message);

// `logger` is the module's short name, for example "quant"; the line shows "msmodelslim.quant".
template <typename... Args>
void log_debug(std::string_view logger, fmt::format_string<Args...> format, Args&&... args) {
  if (log_level() == LogLevel::kDebug)
    log_message(LogLevel::kDebug, logger, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(std::string_view logger, fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kInfo, logger, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(std::string_view logger, fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kWarning, logger, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(std::string_view logger, fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kError, logger, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace msmodelslim
