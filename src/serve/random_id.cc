#include "serve/random_id.h"

#include <random>

namespace msmodelslim {

std::string random_id(std::string_view prefix, std::size_t length) {
  constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyz";
  thread_local std::random_device device;
  std::uniform_int_distribution<std::size_t> any(0, kLetters.size() - 1);
  std::string id(prefix);
  for (std::size_t i = 0; i < length; ++i) id += kLetters[any(device)];
  return id;
}

}  // namespace msmodelslim
