#pragma once
// Memory limits of containers: Linux control groups, version 2 and 1.

#include <cstdint>
#include <string>

namespace msmodelslim {

// Bytes that the control groups of a process still allow, the least of those it is in and those
// above them; UINT64_MAX: no limit. What all their processes hold counts, but for cached files,
// which the system drops when memory is asked for. `groups`: in the form of /proc/self/cgroup;
// `root`: where the file systems of control groups are mounted.
std::uint64_t control_group_room(const std::string& groups = "/proc/self/cgroup",
                                 const std::string& root = "/sys/fs/cgroup");

}  // namespace msmodelslim
