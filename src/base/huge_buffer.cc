#include "base/huge_buffer.h"

#include <sys/mman.h>

#include <algorithm>

namespace msmodelslim {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kPage = std::size_t{2} << 20;
constexpr std::size_t kPiece = 32 * kPage;  // mapped at once

std::size_t rounded_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

HugeBuffer::Mapping::~Mapping() {
  if (data != nullptr) ::munmap(data, size);
}

void* HugeBuffer::take(std::size_t bytes) {
  const std::size_t size = rounded_up(bytes, kLine);
  if (mappings_.empty() || mappings_.back().size - used_ < size) {
    const std::size_t length = rounded_up(std::max(size, kPiece), kPage);
    void* address =
        ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) return nullptr;
    ::madvise(address, length, MADV_HUGEPAGE);  // a wish
    mappings_.emplace_back(static_cast<std::byte*>(address), length);
    used_ = 0;
  }
  void* data = mappings_.back().data + used_;
  used_ += size;
  return data;
}

}  // namespace msmodelslim
