#pragma once
// Values for tests, the same ones for a seed.

#include <cstdint>
#include <random>
#include <vector>

namespace msmodelslim {

// Of the standard normal distribution.
inline std::vector<float> random_values(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

}  // namespace msmodelslim
