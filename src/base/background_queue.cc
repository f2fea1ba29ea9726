#include "base/background_queue.h"

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
  changed_.wait(lock,
                [&] { return error_ || jobs_.empty() || held_bytes_ + bytes <= limit_bytes_; });
  throw_if_failed();
  jobs_.push_back({bytes, std::move(job)});
  held_bytes_ += bytes;
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_all();
}

void BackgroundQueue::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return error_ || jobs_.empty(); });
  throw_if_failed();
}

void BackgroundQueue::throw_if_failed() {
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
