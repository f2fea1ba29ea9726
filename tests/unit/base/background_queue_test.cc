#include "base/background_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace msmodelslim {
namespace {

TEST(BackgroundQueue, RunsJobsInOrder) {
  std::vector<int> done;
  BackgroundQueue queue(100);
  for (int i = 0; i < 1000; ++i) queue.add(10, [&done, i] { done.push_back(i); });
  queue.wait();
  ASSERT_EQ(done.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(done[static_cast<std::size_t>(i)], i);
  queue.wait();  // nothing to wait for
}

// Counts the bytes that live jobs hold.
struct Held {
  explicit Held(std::atomic<int>& counter) : count(counter) { count += 10; }
  ~Held() { count -= 10; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  std::atomic<int>& count;
};

TEST(BackgroundQueue, HoldsNoMoreThanItsLimit) {
  std::atomic<int> held = 0;
  std::atomic<int> most = 0;
  BackgroundQueue queue(35);
  for (int i = 0; i < 200; ++i) {
    auto bytes = std::make_shared<Held>(held);
    queue.add(10, [bytes = std::move(bytes), &held, &most] { most = std::max<int>(most, held); });
  }
  queue.wait();
  EXPECT_EQ(held, 0);
  EXPECT_LE(most, 40);  // three in the queue, one that waits for room
  EXPECT_GE(most, 10);
}

TEST(BackgroundQueue, TakesOneJobAboveTheLimit) {
  bool done = false;
  BackgroundQueue queue(5);
  queue.add(10, [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    done = true;
  });
  queue.wait();
  EXPECT_TRUE(done);
  EXPECT_GT(queue.waited_seconds(), 0.005);
}

TEST(BackgroundQueue, TellsWhatAJobThrew) {
  std::atomic<int> done = 0;
  BackgroundQueue queue(10);
  queue.add(10, [] { throw std::runtime_error("disk full"); });
  EXPECT_THROW(
      {
        for (int i = 0; i < 3; ++i) queue.add(10, [&] { ++done; });
        queue.wait();
      },
      std::runtime_error);
  EXPECT_THROW(queue.wait(), std::runtime_error);
  EXPECT_EQ(done, 0);
}

TEST(BackgroundQueue, DropsWhatWaitsWhenItEnds) {
  std::atomic<int> held = 0;
  {
    BackgroundQueue queue(1000);
    for (int i = 0; i < 50; ++i) {
      auto bytes = std::make_shared<Held>(held);
      queue.add(10, [bytes = std::move(bytes)] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      });
    }
  }
  EXPECT_EQ(held, 0);
}

}  // namespace
}  // namespace msmodelslim
