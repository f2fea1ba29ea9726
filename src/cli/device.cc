#include "cli/device.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "use auto, cpu, npu, or npu with indices such as npu:0,1";

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Device::Kind parse_kind(std::string_view name, std::string_view text) {
  if (name == "auto") return Device::Kind::kAuto;
  if (name == "cpu") return Device::Kind::kCpu;
  if (name == "npu") return Device::Kind::kNpu;
  throw UsageError(fmt::format("--device '{}': unknown device type '{}'", text, name), kRemedy);
}

int parse_index(std::string_view item, std::string_view text) {
  int index = 0;
  const bool plus = item.size() > 1 && item.front() == '+';
  const char* begin = item.data() + (plus ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, item.data() + item.size(), index);
  if (error != std::errc() || end != item.data() + item.size())
    throw UsageError(fmt::format("--device '{}': the index '{}' is not a whole number", text, item),
                     kRemedy);
  if (index < 0)
    throw UsageError(fmt::format("--device '{}': the index {} is negative", text, index), kRemedy);
  return index;
}

std::vector<int> parse_indices(std::string_view list, std::string_view text) {
  std::vector<int> indices;
  for (;;) {
    const std::size_t comma = list.find(',');
    const std::string_view item = trim(list.substr(0, comma));
    if (!item.empty()) {
      const int index = parse_index(item, text);
      if (std::find(indices.begin(), indices.end(), index) != indices.end())
        throw UsageError(fmt::format("--device '{}': the index {} is given twice", text, index),
                         kRemedy);
      indices.push_back(index);
    }
    if (comma == std::string_view::npos) return indices;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

Device parse_device(std::string_view text) {
  Device device;
  const std::size_t colon = text.find(':');
  device.kind = parse_kind(trim(text.substr(0, colon)), text);
  if (colon == std::string_view::npos) return device;
  const std::string_view list = trim(text.substr(colon + 1));
  if (list.empty()) return device;
  device.indices = parse_indices(list, text);
  if (device.indices.empty())
    throw UsageError(fmt::format("--device '{}': the list of indices is empty", text), kRemedy);
  if (device.kind == Device::Kind::kAuto)
    throw UsageError(fmt::format("--device '{}': auto takes no index", text), kRemedy);
  if (device.kind == Device::Kind::kCpu && device.indices.size() > 1)
    throw UsageError(fmt::format("--device '{}': cpu takes one index at most", text), kRemedy);
  return device;
}

}  // namespace msmodelslim
