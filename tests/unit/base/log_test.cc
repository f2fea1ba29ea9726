#include "base/log.h"

#include <gtest/gtest.h>

#include <thread>

namespace msmodelslim {
namespace {

// Which ThreadSanitizer watches: the level is set by a rank of a run while its writers log.
TEST(Log, TheLevelMayChangeWhileAnotherThreadLogs) {
  const LogLevel before = log_level();
  std::thread other([] {
    for (int i = 0; i < 1000; ++i) log_message(LogLevel::kDebug, "test", "not shown");
  });
  for (int i = 0; i < 1000; ++i) set_log_level(i % 2 == 0 ? LogLevel::kError : LogLevel::kWarning);
  other.join();
  EXPECT_EQ(log_level(), LogLevel::kWarning);
  set_log_level(before);
}

}  // namespace
}  // namespace msmodelslim
