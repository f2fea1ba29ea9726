#include "eval/python_random.h"

#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <set>
#include <sstream>

namespace msmodelslim {
namespace {

constexpr std::size_t kWords = 624;

// init_by_array() with one key, as random.seed(int) calls it.
std::array<std::uint32_t, kWords> initial_state(std::uint32_t key) {
  std::array<std::uint32_t, kWords> state;
  state[0] = 19650218U;
  const auto mixed = [&](std::size_t i) { return state[i - 1] ^ (state[i - 1] >> 30); };
  for (std::size_t i = 1; i < kWords; ++i)
    state[i] = 1812433253U * mixed(i) + static_cast<std::uint32_t>(i);
  std::size_t i = 1;
  const auto step = [&] {
    if (++i < kWords) return;
    state[0] = state[kWords - 1];
    i = 1;
  };
  for (std::size_t k = 0; k < kWords; ++k, step())
    state[i] = (state[i] ^ (mixed(i) * 1664525U)) + key;
  for (std::size_t k = 1; k < kWords; ++k, step())
    state[i] = (state[i] ^ (mixed(i) * 1566083941U)) - static_cast<std::uint32_t>(i);
  state[0] = 0x80000000U;
  return state;
}

}  // namespace

PythonRandom::PythonRandom(std::uint32_t seed) {
  // The standard says how a generator is written: its words. libstdc++ adds the position.
  std::stringstream text;
  for (const std::uint32_t word : initial_state(seed)) text << word << ' ';
  text << kWords;
  text >> generator_;
}

std::uint32_t PythonRandom::below(std::uint32_t n) {
  const int bit_count = std::bit_width(n);
  std::uint32_t value = 0;
  do {
    value = bits() >> (32 - bit_count);
  } while (value >= n);
  return value;
}

std::vector<std::uint32_t> PythonRandom::sample(std::uint32_t n, std::uint32_t count) {
  double set_size = 21;
  if (count > 5) set_size += std::pow(4, std::ceil(std::log(count * 3) / std::log(4)));
  std::vector<std::uint32_t> result;
  if (n <= set_size) {
    std::vector<std::uint32_t> pool(n);
    std::iota(pool.begin(), pool.end(), 0U);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t j = below(n - i);
      result.push_back(pool[j]);
      pool[j] = pool[n - i - 1];
    }
    return result;
  }
  std::set<std::uint32_t> chosen;
  while (result.size() < count) {
    const std::uint32_t value = below(n);
    if (chosen.insert(value).second) result.push_back(value);
  }
  return result;
}

}  // namespace msmodelslim
