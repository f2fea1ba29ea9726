#include "base/control_group.h"

#include <algorithm>
#include <fstream>

namespace msmodelslim {
namespace {

// The number in a file, or the largest one: control groups say "max" where there is no limit.
std::uint64_t number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  return file >> value ? value : UINT64_MAX;
}

// What a group holds that is no cached file: the sum of two lines of its memory.stat.
std::uint64_t held(const std::string& path, const std::string& own, const std::string& shared) {
  std::ifstream file(path);
  std::uint64_t sum = 0;
  std::uint64_t value = 0;
  for (std::string name; file >> name >> value;)
    if (name == own || name == shared) sum += value;
  return sum;
}

}  // namespace

std::uint64_t control_group_room(const std::string& groups, const std::string& root) {
  std::ifstream file(groups);
  std::uint64_t room = UINT64_MAX;
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string kinds = line.substr(first + 1, second - first - 1);
    const bool old = ("," + kinds + ",").find(",memory,") != std::string::npos;
    if (!old && !kinds.empty()) continue;
    const std::string mount = root + (old ? "/memory" : "");
    for (std::string group = line.substr(second + 1);; group.resize(group.rfind('/'))) {
      const std::string folder = mount + (group == "/" ? "" : group) + "/";
      const std::uint64_t most = number_in(folder + (old ? "memory.limit_in_bytes" : "memory.max"));
      if (most != UINT64_MAX) {
        const std::string statistics = folder + "memory.stat";
        const std::uint64_t used =
            old ? held(statistics, "total_rss", "total_shmem") : held(statistics, "anon", "shmem");
        room = std::min(room, most - std::min(most, used));
      }
      if (group.empty() || group.rfind('/') == std::string::npos) break;
    }
  }
  return room;
}

}  // namespace msmodelslim
