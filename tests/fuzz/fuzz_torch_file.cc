// Files of torch.save: the ZIP directory and the pickle.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/pickle.h"
#include "checkpoint/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint64_t> aligned(size / 8 + 1);  // as a mapped file is
  if (size > 0) std::memcpy(aligned.data(), data, size);
  const std::string_view bytes(reinterpret_cast<const char*>(aligned.data()), size);
  try {
    for (const auto& tensor : msmodelslim::read_torch_tensors(bytes, "fuzz")) {
      volatile std::uint8_t sum = 0;
      const std::size_t count = tensor.view.byte_size();
      for (std::size_t i = 0; i < count; i += count / 16 + 1)
        sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(tensor.view.bytes[i]));
    }
  } catch (const msmodelslim::Error&) {
  }
  try {
    msmodelslim::read_pickled_tensors(bytes, "fuzz");
  } catch (const msmodelslim::Error&) {
  }
  return 0;
}
