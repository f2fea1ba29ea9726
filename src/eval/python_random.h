#pragma once
// The part of CPython's `random.Random` that lm-evaluation-harness picks its examples with.
// Source: CPython's Modules/_randommodule.c and Lib/random.py (MT19937, Matsumoto and Nishimura).

#include <cstdint>
#include <random>
#include <vector>

namespace msmodelslim {

class PythonRandom {
 public:
  explicit PythonRandom(std::uint32_t seed);
  std::uint32_t bits() { return static_cast<std::uint32_t>(generator_()); }
  // Uniform in [0, n), n >= 1.
  std::uint32_t below(std::uint32_t n);
  // `count` different numbers of [0, n) in the order of random.sample(range(n), count).
  std::vector<std::uint32_t> sample(std::uint32_t n, std::uint32_t count);

 private:
  std::mt19937 generator_;
};

}  // namespace msmodelslim
