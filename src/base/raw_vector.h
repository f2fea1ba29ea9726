#pragma once
// A std::vector whose new elements have no values until they are written. The system gives memory
// its place when it is first touched, beside the processor of the thread that does: a buffer that
// all threads fill then lies where they work, instead of beside the thread that made it, and
// nothing is written twice.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace msmodelslim {

template <typename T>
struct RawAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = RawAllocator<U>;
  };
  RawAllocator() = default;
  template <typename U>
  explicit RawAllocator(const RawAllocator<U>&) noexcept {}
  // At the beginning of a cache line: no vector of a kernel crosses two. The byte before it says
  // how far the memory begins before. (The system's own aligned memory is not used again when it is
  // freed: glibc before 2.38 looks for more than was asked for.)
  T* allocate(std::size_t count) {
    auto* memory = static_cast<std::byte*>(::operator new(count * sizeof(T) + kLine));
    const std::size_t skip = kLine - reinterpret_cast<std::uintptr_t>(memory) % kLine;
    memory[skip - 1] = static_cast<std::byte>(skip);
    return reinterpret_cast<T*>(memory + skip);
  }
  void deallocate(T* place, std::size_t /*count*/) noexcept {
    auto* line = reinterpret_cast<std::byte*>(place);
    ::operator delete(line - std::to_integer<std::size_t>(line[-1]));
  }
  template <typename U>
  void construct(U* place) noexcept {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }

 private:
  static constexpr std::size_t kLine = 64;
};

template <typename T>
using RawVector = std::vector<T, RawAllocator<T>>;

}  // namespace msmodelslim
