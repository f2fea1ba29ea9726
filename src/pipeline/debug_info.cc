#include "pipeline/debug_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "checkpoint/safetensors.h"

namespace msmodelslim {
namespace {
constexpr const char* kTensorFile = "debug_info.safetensors";
}  // namespace

void DebugInfo::add(const std::string& processor, Json record, const std::string& name,
                    const std::vector<float>& values) {
  const std::string key = fmt::format("tensor_{}", tensors_.size());
  Tensor tensor(DType::kF32, {static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.as<float>());
  tensors_.emplace_back(key, std::move(tensor));
  record[name] = {{"file", kTensorFile}, {"key", key}};
  records_[processor].push_back(std::move(record));
}

void DebugInfo::write(const std::string& folder) const {
  const fs::path target = fs::path(folder) / "debug_info";
  fs::create_directory(target);
  std::vector<NamedTensor> views;
  for (const auto& [key, tensor] : tensors_) views.push_back({key, tensor.view()});
  write_safetensors((target / kTensorFile).string(), std::move(views));
  write_file_atomic((target / "debug_info.json").string(), dump_json_python(records_, 2));
}

}  // namespace msmodelslim
