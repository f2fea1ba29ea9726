#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/warnings.h"

namespace msmodelslim {
namespace {

std::atomic<LogLevel> g_level = LogLevel::kInfo;  // writers of a run log beside the main thread
std::mutex g_warnings_mutex;
std::vector<std::string> g_warnings;

spdlog::logger& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("msmodelslim",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%d %H:%M:%S,%e - %v");
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

const char* level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarning:
      return "WARNING";
    case LogLevel::kError:
      break;
  }
  return "ERROR";
}

}  // namespace

void init_logging() {
  const char* value = std::getenv("MSMODELSLIM_LOG_LEVEL");
  if (value == nullptr || *value == '\0') return;
  std::string text = value;
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (text == level_name(level)) {
      g_level = level;
      return;
    }
  }
  throw UsageError(fmt::format("MSMODELSLIM_LOG_LEVEL is '{}'", value),
                   "set it to DEBUG, INFO, WARNING or ERROR, or unset it");
}

void set_log_level(LogLevel level) { g_level = level; }
LogLevel log_level() { return g_level; }

std::vector<std::string> logged_warnings() {
  const std::lock_guard lock(g_warnings_mutex);
  return g_warnings;
}

void log_message(LogLevel level, std::string_view name, std::string_view message) {
  if (level == LogLevel::kWarning) {
    const std::lock_guard lock(g_warnings_mutex);
    g_warnings.emplace_back(message);
  }
  if (level < g_level) return;
  std::string line(message);
  for (char& c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = ' ';
  }
  logger().info("msmodelslim.{} - {} - {}", name, level_name(level), line);
}

}  // namespace msmodelslim
