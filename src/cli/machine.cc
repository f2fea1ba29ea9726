#include "cli/machine.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "kernels/gemm.h"

namespace msmodelslim {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The first line of /proc/cpuinfo with this name, or "".
std::string cpu_line(const std::string& name) {
  std::error_code ec;
  if (!fs::exists("/proc/cpuinfo", ec)) return "";
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name) && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "";
}

ResourceError disk_error(const std::string& folder) {
  return ResourceError(fmt::format("{} cannot be written: {}", folder, std::strerror(errno)),
                       "choose another folder, or change its permissions");
}

}  // namespace

std::vector<std::string> cpu_features() {
  std::string line = cpu_line("flags");
  if (line.empty()) line = cpu_line("Features");
  std::istringstream words(line);
  const std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
  std::vector<std::string> found;
  for (const char* name : {"avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8",
                           "amx_bf16", "asimd", "asimddp", "i8mm", "bf16", "sve"})
    if (std::find(all.begin(), all.end(), name) != all.end()) found.emplace_back(name);
  return found;
}

double product_speed(bool bf16) {
  constexpr std::int64_t kSize = 1024;
  const std::vector<float> a(kSize * kSize, 0.5F);
  constexpr std::uint16_t kHalf = 0x3F00;
  const std::vector<std::uint16_t> narrow(kSize * kSize, kHalf);
  std::vector<float> y(kSize * kSize);
  double best = 0;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (bf16 && has_bf16_products())
      matmul_nt_each_bf16(a.data(), {{narrow.data(), y.data(), kSize}}, kSize, kSize);
    else
      matmul_nt(a.data(), kSize, a.data(), kSize, y.data(), kSize, kSize, kSize, kSize);
    best = std::max(best, 2.0 * kSize * kSize * kSize / seconds_since(start));
  }
  return best;
}

DiskSpeed disk_speed(const std::string& folder, std::uint64_t bytes) {
  std::string name = folder + "/.msmodelslim-doctor-XXXXXX";
  const int file = mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) throw disk_error(folder);
  unlink(name.c_str());
  std::vector<char> block(8 << 20, 'x');
  DiskSpeed speed;
  auto start = std::chrono::steady_clock::now();
  std::uint64_t done = 0;
  while (done < bytes) {
    const ssize_t count = write(file, block.data(), block.size());
    if (count <= 0) {
      const ResourceError error = disk_error(folder);
      close(file);
      throw error;
    }
    done += static_cast<std::uint64_t>(count);
  }
  fsync(file);
  speed.write = static_cast<double>(done) / seconds_since(start);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  lseek(file, 0, SEEK_SET);
  start = std::chrono::steady_clock::now();
  std::uint64_t seen = 0;
  for (ssize_t count = 1; count > 0;) {
    count = read(file, block.data(), block.size());
    seen += static_cast<std::uint64_t>(std::max<ssize_t>(0, count));
  }
  speed.read = static_cast<double>(seen) / seconds_since(start);
  close(file);
  return speed;
}

}  // namespace msmodelslim
