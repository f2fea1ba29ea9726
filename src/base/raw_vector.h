#pragma once
// A std::vector whose new elements have no values until they are written. The system gives memory
// its place when it is first touched, beside the processor of the thread that does: a buffer that
// all threads fill then lies where they work, instead of beside the thread that made it, and
// nothing is written twice.

#include <cstddef>
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
  // At the beginning of a cache line: no vector of a kernel crosses two.
  static constexpr std::align_val_t kLine{64};
  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), kLine));
  }
  void deallocate(T* place, std::size_t) noexcept { ::operator delete(place, kLine); }
  template <typename U>
  void construct(U* place) noexcept {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

template <typename T>
using RawVector = std::vector<T, RawAllocator<T>>;

}  // namespace msmodelslim
