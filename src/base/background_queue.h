#pragma once
// Runs jobs one after another on a thread of its own, in the order they were added.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace msmodelslim {

class BackgroundQueue {
 public:
  // Jobs that wait or run hold at most `limit_bytes` together, or are one.
  explicit BackgroundQueue(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  // Waits for the job at work and drops those behind it.
  ~BackgroundQueue();
  BackgroundQueue(const BackgroundQueue&) = delete;
  BackgroundQueue& operator=(const BackgroundQueue&) = delete;

  // `bytes`: what the job holds. Waits until there is room. Throws what an earlier job has thrown;
  // the jobs behind that one are dropped.
  void add(std::size_t bytes, std::function<void()> job);
  // Waits until every job is done. Throws as add().
  void wait();
  // How long add() and wait() have waited so far.
  double waited_seconds() const { return waited_seconds_; }

 private:
  struct Job {
    std::size_t bytes;
    std::function<void()> run;
  };
  void work();
  template <class Condition>
  void wait_for(std::unique_lock<std::mutex>& lock, const Condition& ready);

  const std::size_t limit_bytes_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Job> jobs_;  // the first is at work
  std::size_t held_bytes_ = 0;
  std::exception_ptr error_;
  bool stop_ = false;
  double waited_seconds_ = 0;  // of the caller's thread
  std::thread thread_;         // started by the first job
};

}  // namespace msmodelslim
