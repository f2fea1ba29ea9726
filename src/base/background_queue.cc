#include "base/background_queue.h"

#include <chrono>
#include <utility>

namespace msmodelslim {

BackgroundQueue::~BackgroundQueue() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BackgroundQueue::add(std::size_t bytes, std::function<void()> job) {
  std::unique_lock lock(mutex_);
  wait_for(lock, [&] { return jobs_.empty() || held_bytes_ + bytes <= limit_bytes_; });
  jobs_.push_back({bytes, std::move(job)});
  held_bytes_ += bytes;
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_all();
}

void BackgroundQueue::wait() {
  std::unique_lock lock(mutex_);
  wait_for(lock, [&] { return jobs_.empty(); });
}

template <class Condition>
void BackgroundQueue::wait_for(std::unique_lock<std::mutex>& lock, const Condition& ready) {
  const auto start = std::chrono::steady_clock::now();
  changed_.wait(lock, [&] { return error_ || ready(); });
  waited_seconds_ +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (error_) std::rethrow_exception(error_);
}

void BackgroundQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    std::function<void()> run = std::move(jobs_.front().run);
    lock.unlock();
    std::exception_ptr error;
    try {
      run();
    } catch (...) {
      error = std::current_exception();
    }
    run = nullptr;  // frees what it holds before its bytes count as free
    lock.lock();
    held_bytes_ -= jobs_.front().bytes;
    jobs_.pop_front();
    changed_.notify_all();
    if (!error) continue;
    error_ = error;
    return;
  }
}

}  // namespace msmodelslim
