#pragma once
// Floats that may lie in a scratch file instead of memory.

#include <cstddef>
#include <string>

namespace msmodelslim {

// A resizable array of fp32 values. With a scratch folder the values lie in a nameless file there,
// which is gone with the buffer: the system keeps in memory what fits and writes the rest to the
// disk. Copies lie where the original lies.
class FloatBuffer {
 public:
  FloatBuffer() = default;
  // `scratch`: a folder, or "" for memory.
  explicit FloatBuffer(std::string scratch) : scratch_(std::move(scratch)) {}
  FloatBuffer(const FloatBuffer& other);
  FloatBuffer(FloatBuffer&& other) noexcept;
  FloatBuffer& operator=(FloatBuffer other) noexcept;
  ~FloatBuffer();

  // All values become zero. ResourceError when there is no room on the disk.
  void reset(std::size_t size);
  void append(const float* values, std::size_t count);

  float* data() { return data_; }
  const float* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  float* begin() { return data_; }
  float* end() { return data_ + size_; }
  const float* begin() const { return data_; }
  const float* end() const { return data_ + size_; }
  float& operator[](std::size_t i) { return data_[i]; }
  float operator[](std::size_t i) const { return data_[i]; }

 private:
  void swap(FloatBuffer& other) noexcept;
  void free();

  std::string scratch_;
  float* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace msmodelslim
