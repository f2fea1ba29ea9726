#include "cli/run_files.h"

#include <fmt/chrono.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/threads.h"
#include "checkpoint/safetensors.h"

namespace msmodelslim {
namespace {

std::string modified(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    throw ResourceError(fmt::format("{}: is not there any more", path),
                        "leave the model folder alone while it is quantized");
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(status.st_mtime));
}

Json header_hash(const std::string& path) {
  if (!path.ends_with(".safetensors")) return nullptr;
  const SafetensorsFile file(path);
  return hash128_bytes(file.map().data(), static_cast<std::size_t>(file.data_start())).text();
}

// Several files at a time.
void add_sha256(const std::vector<std::string>& paths, Json& files) {
  std::uint64_t bytes = 0;
  for (const std::string& path : paths) bytes += fs::file_size(path);
  log_info("quant", "SHA-256 of {} files, {:.1f} MB", paths.size(),
           static_cast<double>(bytes) / 1e6);
  std::vector<std::string> digests(paths.size());
  parallel_for(static_cast<std::int64_t>(paths.size()), [&](std::int64_t i) {
    digests[static_cast<std::size_t>(i)] = sha256_of_file(paths[static_cast<std::size_t>(i)]);
  });
  for (std::size_t i = 0; i < paths.size(); ++i) files[i]["sha256"] = digests[i];
}

bool is_report(const std::string& name) {
  return name == "quant_report.json" || name == "quant_report.html";
}

}  // namespace

Json source_files(const CheckpointReader& source, bool sha256) {
  Json files = Json::array();
  for (const std::string& path : source.weight_files())
    files.push_back({{"name", fs::path(path).filename().string()},
                     {"bytes", fs::file_size(path)},
                     {"modified", modified(path)},
                     {"header_xxh3_128", header_hash(path)},
                     {"sha256", nullptr}});
  if (sha256) add_sha256(source.weight_files(), files);
  return files;
}

Json written_files(const std::string& folder, bool sha256) {
  std::vector<std::string> paths;
  for (const auto& item : fs::recursive_directory_iterator(folder))
    if (item.is_regular_file() && !is_report(fs::relative(item.path(), folder).string()))
      paths.push_back(item.path().string());
  std::sort(paths.begin(), paths.end());
  Json files = Json::array();
  for (const std::string& path : paths)
    files.push_back({{"name", fs::relative(path, folder).string()},
                     {"bytes", fs::file_size(path)},
                     {"sha256", nullptr}});
  if (sha256) add_sha256(paths, files);
  return files;
}

}  // namespace msmodelslim
