#pragma once
// Memory for large arrays that are read again and again in order: mapped in large pages where the
// system has them.

#include <cstddef>
#include <vector>

namespace msmodelslim {

class HugeBuffer {
 public:
  // `bytes` of zeros that begin at a cache line, valid as long as the object; null when the system
  // does not give so much.
  void* take(std::size_t bytes);

 private:
  struct Mapping {
    std::byte* data = nullptr;
    std::size_t size = 0;
    Mapping(std::byte* address, std::size_t length) : data(address), size(length) {}
    Mapping(Mapping&& other) noexcept : data(other.data), size(other.size) { other.data = nullptr; }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    Mapping& operator=(Mapping&&) = delete;
    ~Mapping();
  };
  std::vector<Mapping> mappings_;
  std::size_t used_ = 0;  // of the last mapping
};

}  // namespace msmodelslim
