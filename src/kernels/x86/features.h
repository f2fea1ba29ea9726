#pragma once
// Which of the kernels in this folder the processor can run.

namespace msmodelslim {

inline bool has_avx512_vnni() {
  static const bool has =
      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw");
  return has;
}

inline bool has_avx512_bf16() {
  static const bool has =
      __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw");
  return has;
}

}  // namespace msmodelslim
