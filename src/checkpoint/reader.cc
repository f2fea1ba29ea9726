#include "checkpoint/reader.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace msmodelslim {
namespace {

std::vector<std::string> top_level_files(const std::string& folder, const std::string& suffix) {
  std::vector<std::string> names;
  for (const auto& item : fs::directory_iterator(folder)) {
    const std::string name = item.path().filename().string();
    if (name.size() > suffix.size() && name.ends_with(suffix)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// tensor -> file of an index; names of files must be plain.
std::map<std::string, std::string> read_index(const std::string& path) {
  const Json index = read_json_file(path);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    throw DataError(path + ": has no \"weight_map\" object", "download the index again");
  std::map<std::string, std::string> map;
  for (const auto& [tensor, file] : index["weight_map"].items()) {
    if (!file.is_string() || file.get_ref<const std::string&>().find('/') != std::string::npos ||
        file.get_ref<const std::string&>().empty())
      throw DataError(fmt::format("{}: tensor {} names the file {}", path, tensor, file.dump()),
                      "an index may only name files of its own folder");
    map[tensor] = file.get<std::string>();
  }
  return map;
}

}  // namespace

CheckpointReader::CheckpointReader(const std::string& folder) : folder_(folder) {
  std::error_code ec;
  if (!fs::is_directory(folder, ec))
    throw DataError(fmt::format("{}: is not a folder", folder),
                    "give the folder that holds config.json and *.safetensors");
  const auto indexes = top_level_files(folder, ".safetensors.index.json");
  const bool single = fs::exists(fs::path(folder) / "model.safetensors", ec);
  std::map<std::string, std::string> index;
  std::string index_path;
  std::vector<std::string> files;
  if (single) {
    files = {"model.safetensors"};
  } else if (indexes.size() == 1) {
    index_path = (fs::path(folder) / indexes[0]).string();
    index = read_index(index_path);
    std::set<std::string> unique;
    for (const auto& [tensor, file] : index) unique.insert(file);
    files.assign(unique.begin(), unique.end());
  } else {
    files = top_level_files(folder, ".safetensors");
  }
  if (files.empty())
    throw DataError(fmt::format("{}: holds no *.safetensors", folder),
                    "give a Hugging Face folder with safetensors weights; a GGUF file goes through "
                    "`msmodelslim convert` first");
  for (const std::string& file : files) {
    const std::string path = (fs::path(folder) / file).string();
    if (!fs::exists(path, ec))
      throw DataError(fmt::format("{}: missing shard, named in {}", path,
                                  index_path.empty() ? folder : index_path),
                      "the download is incomplete; fetch this file");
    files_.push_back(std::make_unique<SafetensorsFile>(path));
    const SafetensorsFile& opened = *files_.back();
    for (const SafetensorsEntry& entry : opened.entries()) {
      if (!tensors_.emplace(entry.name, Place{&opened, &entry}).second)
        throw DataError(
            fmt::format("{}: tensor {} is also in {}", path, entry.name, file_of(entry.name)),
            "remove the file that does not belong to this model");
      names_.push_back(entry.name);
      total_bytes_ += entry.end - entry.begin;
    }
  }
  for (const auto& [tensor, file] : index)
    if (!has(tensor))
      throw DataError(fmt::format("{}: tensor {} is named in the index but is not in {}",
                                  index_path, tensor, file),
                      "the shard and the index do not belong together; fetch both again");
}

const CheckpointReader::Place& CheckpointReader::place(const std::string& name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end())
    throw DataError(fmt::format("{}: tensor {} is missing", folder_, name),
                    "the checkpoint is incomplete, or config.json belongs to another model");
  return it->second;
}

TensorView CheckpointReader::at(const std::string& name) const {
  const Place& found = place(name);
  return found.file->view(*found.entry);
}

std::optional<TensorView> CheckpointReader::find(const std::string& name) const {
  if (!has(name)) return std::nullopt;
  return at(name);
}

std::string CheckpointReader::file_of(const std::string& name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? "" : it->second.file->path();
}

void CheckpointReader::dont_need(const std::string& name) const {
  const Place& found = place(name);
  found.file->map().dont_need(found.file->data_start() + found.entry->begin,
                              found.entry->end - found.entry->begin);
}

}  // namespace msmodelslim
