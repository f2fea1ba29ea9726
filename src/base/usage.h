#pragma once
// What this process has used so far.

#include <cstdint>

namespace msmodelslim {

double cpu_seconds();                // user + system, all threads
std::uint64_t peak_private_bytes();  // peak resident memory less mapped file pages (now)
std::uint64_t peak_resident_bytes();
std::uint64_t private_bytes();  // resident memory now, less mapped file pages

// Large blocks go back to the system when they are freed. glibc otherwise raises its threshold with
// every large block and keeps them: peak memory would grow with the model. Call once, at start.
void return_freed_memory();

}  // namespace msmodelslim
