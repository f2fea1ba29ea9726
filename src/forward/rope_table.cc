#include "forward/rope_table.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

namespace msmodelslim {

class RopeTable::Lines {
 public:
  Lines(const RopeSpec& rope, std::int64_t length)
      : half_(rope.dim / 2),
        length_(length),
        frequencies_(rope_frequencies(rope, length)),
        cos_(std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(half_ * length))),
        sin_(std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(half_ * length))) {}

  std::int64_t half() const { return half_; }
  std::int64_t length() const { return length_; }

  RopeLines before(std::int64_t end) {
    if (done_.load(std::memory_order_acquire) < end) fill(end);
    return {cos_.get(), sin_.get()};
  }

 private:
  void fill(std::int64_t end) {
    const std::lock_guard lock(mutex_);
    std::int64_t p = done_.load(std::memory_order_relaxed);
    constexpr std::int64_t kStep = 256;
    const std::int64_t last = std::min(length_, (end + kStep - 1) / kStep * kStep);
    for (; p < last; ++p)
      for (std::int64_t i = 0; i < half_; ++i) {
        const float angle =
            static_cast<float>(p) * frequencies_.inverse[static_cast<std::size_t>(i)];
        const auto at = static_cast<std::size_t>(p * half_ + i);
        cos_[at] = static_cast<float>(std::cos(static_cast<double>(angle))) *
                   frequencies_.attention_factor;
        sin_[at] = static_cast<float>(std::sin(static_cast<double>(angle))) *
                   frequencies_.attention_factor;
      }
    done_.store(p, std::memory_order_release);
  }

  const std::int64_t half_;
  const std::int64_t length_;
  const RopeFrequencies frequencies_;
  // The system gives pages of them when they are first written.
  const std::unique_ptr<float[]> cos_;
  const std::unique_ptr<float[]> sin_;
  std::atomic<std::int64_t> done_{0};
  std::mutex mutex_;  // guards the lines from done_ on
};

RopeTable::RopeTable(const RopeSpec& rope, std::int64_t length)
    : lines_(std::make_shared<Lines>(rope, length)) {
  if (rope.local_theta) {
    RopeSpec local;
    local.dim = rope.dim_of(true);
    local.theta = *rope.local_theta;
    local_ = std::make_shared<const RopeTable>(local, length);
  }
  if (rope.kind == RopeKind::kLongRope && length > rope.original_max_position)
    short_ = std::make_shared<const RopeTable>(rope, rope.original_max_position);
}

std::int64_t RopeTable::half() const { return lines_->half(); }
std::int64_t RopeTable::length() const { return lines_->length(); }
RopeLines RopeTable::before(std::int64_t end) const { return lines_->before(end); }

}  // namespace msmodelslim
