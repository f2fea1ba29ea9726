#include "base/float_buffer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/threads.h"

namespace msmodelslim {
namespace {

ResourceError scratch_error(const std::string& folder, std::size_t bytes, int error) {
  return ResourceError(fmt::format("{}: {:.1f} MB of scratch space cannot be had: {}", folder,
                                   static_cast<double>(bytes) / 1e6, std::strerror(error)),
                       "free space there, give another --scratch_dir or more --max_memory");
}

// A file without a name, with room for `bytes` on the disk: a full disk must show here, not while
// the values are written.
int scratch_file(const std::string& folder, std::size_t bytes) {
  int file = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
    std::string name = folder + "/.msmodelslim-scratch-XXXXXX";
    file = mkostemp(name.data(), O_CLOEXEC);
    if (file >= 0) unlink(name.c_str());
  }
  if (file < 0) throw scratch_error(folder, bytes, errno);
  const int error = posix_fallocate(file, 0, static_cast<off_t>(bytes));
  if (error == 0) return file;
  close(file);
  throw scratch_error(folder, bytes, error);
}

// On all threads, so that the copy lies beside all of them (base/raw_vector.h).
void copy_all(const float* from, std::size_t count, float* to) {
  constexpr std::int64_t kGrain = 1 << 18;
  parallel_ranges(static_cast<std::int64_t>(count), kGrain,
                  [&](std::int64_t begin, std::int64_t end) {
                    std::copy(from + begin, from + end, to + begin);
                  });
}

}  // namespace

FloatBuffer::FloatBuffer(const FloatBuffer& other) : scratch_(other.scratch_) {
  reset(other.size_);
  copy_all(other.data_, other.size_, data_);
}

FloatBuffer::FloatBuffer(FloatBuffer&& other) noexcept { swap(other); }

FloatBuffer& FloatBuffer::operator=(FloatBuffer other) noexcept {
  swap(other);
  return *this;
}

FloatBuffer::~FloatBuffer() { free(); }

void FloatBuffer::swap(FloatBuffer& other) noexcept {
  std::swap(scratch_, other.scratch_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
}

void FloatBuffer::free() {
  if (scratch_.empty())
    std::free(data_);
  else if (data_ != nullptr)
    munmap(data_, size_ * sizeof(float));
  data_ = nullptr;
  size_ = 0;
}

void FloatBuffer::append(const float* values, std::size_t count) {
  FloatBuffer longer(scratch_);
  longer.reset(size_ + count);
  copy_all(data_, size_, longer.data_);
  copy_all(values, count, longer.data_ + size_);
  swap(longer);
}

void FloatBuffer::reset(std::size_t size) {
  free();
  if (size == 0) return;
  const std::size_t bytes = size * sizeof(float);
  if (scratch_.empty()) {
    data_ = static_cast<float*>(std::calloc(size, sizeof(float)));
    if (data_ == nullptr) throw std::bad_alloc();
  } else {
    const int file = scratch_file(scratch_, bytes);
    void* map = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    const int error = errno;
    close(file);
    if (map == MAP_FAILED) throw scratch_error(scratch_, bytes, error);
    data_ = static_cast<float*>(map);
  }
  size_ = size;
}

}  // namespace msmodelslim
