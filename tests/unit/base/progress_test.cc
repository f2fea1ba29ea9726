#include "base/progress.h"

#include <gtest/gtest.h>

#include <regex>
#include <thread>

namespace msmodelslim {
namespace {

using std::chrono_literals::operator""ms;

// The number of a line in front of " s" behind "ETA"; -1: none.
int eta_in(const std::string& line) {
  std::smatch found;
  return std::regex_search(line, found, std::regex("ETA ([0-9]+) s")) ? std::stoi(found[1]) : -1;
}

std::string said(Progress& progress, std::int64_t index) {
  testing::internal::CaptureStderr();
  progress.at(index, "smooth");
  return testing::internal::GetCapturedStderr();
}

TEST(Progress, SaysWhereARunIsAndHowFastItGoes) {
  Progress progress("quant", 4, 1000, false);
  const std::string first = said(progress, 0);
  EXPECT_NE(first.find("msmodelslim.quant"), std::string::npos) << first;
  EXPECT_NE(first.find("block 1/4  smooth  peak "), std::string::npos) << first;
  std::this_thread::sleep_for(20ms);
  const std::string second = said(progress, 1);
  EXPECT_NE(second.find("block 2/4  smooth"), std::string::npos) << second;
  EXPECT_NE(second.find(" tokens/s"), std::string::npos) << second;
}

TEST(Progress, WhatIsLeftFollowsTheCostsOfTheBlocks) {
  Progress equal("quant", 3, 0, false);
  Progress growing("quant", {1, 2, 97}, 0, false);
  std::this_thread::sleep_for(500ms);
  EXPECT_EQ(eta_in(said(growing, 0)), -1);
  EXPECT_LE(eta_in(said(equal, 2)), 5);     // half of what has passed
  EXPECT_GE(eta_in(said(growing, 2)), 16);  // 97 / 3 of it
  EXPECT_GE(eta_in(said(growing, 1)), 49);  // 99 times as much
}

TEST(Progress, ARunThatGoesOnCountsFromWhereItBegan) {
  Progress progress("quant", {1000, 1, 1}, 0, false, 1);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(eta_in(said(progress, 1)), -1);
  EXPECT_LE(eta_in(said(progress, 2)), 5);
}

TEST(Progress, IsSilentWhenAsked) {
  Progress progress("quant", 4, 1000, true);
  EXPECT_EQ(said(progress, 1), "");
}

}  // namespace
}  // namespace msmodelslim
