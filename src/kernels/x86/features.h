#pragma once
// Which of the kernels in this folder the processor can run.

#include <cpuid.h>

namespace msmodelslim {

inline bool has_avx512_vnni() {
  static const bool has =
      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw");
  return has;
}

// VNNI on the vectors of AVX2. Compilers have no common name for it.
inline bool has_avx_vnni() {
  static const bool has = [] {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    constexpr unsigned kBit = 1U << 4;
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 &&
           (eax & kBit) != 0;
  }();
  return has;
}

inline bool has_avx512_bf16() {
  static const bool has =
      __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw");
  return has;
}

}  // namespace msmodelslim
