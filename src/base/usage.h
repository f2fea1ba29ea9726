#pragma once
// What this process has used so far.

#include <cstdint>

namespace msmodelslim {

double cpu_seconds();                // user + system, all threads
std::uint64_t peak_private_bytes();  // peak resident memory less mapped file pages (now)
std::uint64_t peak_resident_bytes();

}  // namespace msmodelslim
