#pragma once
// What this machine is and how fast it is, measured in a moment.

#include <cstdint>
#include <string>
#include <vector>

namespace msmodelslim {

// Instructions of the processor that products can use, of those that decide about speed:
// "avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16"; on aarch64
// "asimd", "asimddp", "i8mm", "bf16", "sve".
std::vector<std::string> cpu_features();

// FLOP per second of products in fp32, or `bf16` where the processor has them; the best of a few
// of some ten milliseconds, all threads.
double product_speed(bool bf16);

struct DiskSpeed {
  double write = 0;  // bytes per second, with the sync to the disk
  double read = 0;   // after the system was asked to forget the file
};
// With a file of `bytes` in `folder`, which is removed. ResourceError when it cannot be written.
DiskSpeed disk_speed(const std::string& folder, std::uint64_t bytes);

}  // namespace msmodelslim
