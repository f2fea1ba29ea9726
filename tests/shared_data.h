#pragma once
// The shared reference data: MSMODELSLIM_SHARED, else ../shared beside the source tree. Tests that
// need it skip with a message when it is absent.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace msmodelslim {

inline std::string shared_dir() {
  if (const char* given = std::getenv("MSMODELSLIM_SHARED")) return given;
  return (std::filesystem::path(MSMODELSLIM_SOURCE_DIR).parent_path() / "shared").string();
}

inline bool has_shared(const std::string& path) {
  return std::filesystem::exists(std::filesystem::path(shared_dir()) / path);
}

// A path for one test of one process: tests of a fixture run side by side.
inline std::string temp_path(const std::string& name) {
  return testing::TempDir() + "msmodelslim_" + name + "_" + std::to_string(::getpid());
}

// The golden set: the shared one, else the subset that is committed here.
inline std::string golden_dir() {
  if (has_shared("golden/cases")) return shared_dir() + "/golden";
  return std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data";
}

}  // namespace msmodelslim

#define REQUIRE_SHARED(path)          \
  if (!msmodelslim::has_shared(path)) \
  GTEST_SKIP() << "needs " << path << " of the shared reference data: set MSMODELSLIM_SHARED"
