#pragma once
// What this process has used so far.

#include <atomic>
#include <cstdint>
#include <thread>

namespace msmodelslim {

double cpu_seconds();                // user + system, all threads
std::int64_t disk_reads();           // page faults that waited for a disk
std::uint64_t peak_private_bytes();  // peak resident memory less mapped file pages (now)
std::uint64_t peak_resident_bytes();
std::uint64_t private_bytes();  // resident memory now, less mapped file pages

// Watches private_bytes(), fifty times a second.
class PeakWatch {
 public:
  PeakWatch();
  ~PeakWatch();
  PeakWatch(const PeakWatch&) = delete;
  PeakWatch& operator=(const PeakWatch&) = delete;
  std::uint64_t peak();

 private:
  void look();
  std::atomic<std::uint64_t> peak_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Memory that this process may still take: what the system says is available, or less where a
// control group allows less.
std::uint64_t available_memory();

// From now on more private memory than that cannot be had (std::bad_alloc).
void limit_private_memory(std::uint64_t bytes);

// Large blocks go back to the system when they are freed; of smaller ones 128 MB are kept, as new
// pages cost time. glibc otherwise raises its threshold with every large block and keeps them: peak
// memory would grow with the model. Call once, at start.
void return_freed_memory();

}  // namespace msmodelslim
