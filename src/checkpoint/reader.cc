#include "checkpoint/reader.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/error.h"
#include "checkpoint/torch_file.h"

namespace msmodelslim {
namespace {

// So many weights of this size lie in the stretch of the file that this one takes.
std::uint64_t interleaved(const CodedWeight& weight) {
  if (weight.codes != CodedWeight::Codes::kFloats)
    return static_cast<std::uint64_t>(weight.row_step);
  const std::int64_t own = weight.rows * weight.columns;
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>((weight.data.count() + own / 2) / own, 1));
}

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

// The weight files of a folder.
struct Files {
  std::vector<std::string> names;
  std::string index_path;                    // "" without an index
  std::map<std::string, std::string> index;  // tensor -> file
};

void take_index(const std::string& folder, const std::string& name, Files& files) {
  files.index_path = (fs::path(folder) / name).string();
  files.index = read_index(files.index_path);
  std::set<std::string> unique;
  for (const auto& [tensor, file] : files.index) unique.insert(file);
  files.names.assign(unique.begin(), unique.end());
}

Files safetensors_of(const std::string& folder) {
  Files files;
  const auto indexes = top_level_files(folder, ".safetensors.index.json");
  if (fs::exists(fs::path(folder) / "model.safetensors"))
    files.names = {"model.safetensors"};
  else if (indexes.size() == 1)
    take_index(folder, indexes[0], files);
  else
    files.names = top_level_files(folder, ".safetensors");
  return files;
}

Files torch_files_of(const std::string& folder) {
  Files files;
  constexpr const char* kIndex = "pytorch_model.bin.index.json";
  if (fs::exists(fs::path(folder) / "pytorch_model.bin"))
    files.names = {"pytorch_model.bin"};
  else if (fs::exists(fs::path(folder) / kIndex))
    take_index(folder, kIndex, files);
  return files;
}

}  // namespace

CheckpointReader::CheckpointReader(const std::string& folder) : folder_(folder) {
  std::error_code ec;
  if (!fs::is_directory(folder, ec))
    throw DataError(fmt::format("{}: is not a folder", folder),
                    "give the folder that holds config.json and *.safetensors");
  Files files = safetensors_of(folder);
  const bool torch = files.names.empty();
  if (torch) files = torch_files_of(folder);
  if (files.names.empty())
    throw DataError(fmt::format("{}: holds no *.safetensors and no pytorch_model.bin", folder),
                    "give a Hugging Face folder with its weights; a GGUF file goes through "
                    "`msmodelslim convert` first");
  for (const std::string& file : files.names) {
    const std::string path = (fs::path(folder) / file).string();
    if (!fs::exists(path, ec))
      throw DataError(fmt::format("{}: missing shard, named in {}", path,
                                  files.index_path.empty() ? folder : files.index_path),
                      "the download is incomplete; fetch this file");
    weight_files_.push_back(path);
    if (torch) {
      const auto opened = std::make_shared<TorchFile>(path);
      files_.push_back(opened);
      for (const NamedTensor& tensor : opened->tensors())
        add(opened->map(), tensor.name, tensor.view);
      continue;
    }
    const auto opened = std::make_shared<SafetensorsFile>(path);
    files_.push_back(opened);
    for (const SafetensorsEntry& entry : opened->entries())
      add(opened->map(), entry.name, opened->view(entry));
  }
  for (const auto& [tensor, file] : files.index)
    if (!has(tensor))
      throw DataError(fmt::format("{}: tensor {} is named in the index but is not in {}",
                                  files.index_path, tensor, file),
                      "the shard and the index do not belong together; fetch both again");
}

void CheckpointReader::add(const MappedFile& file, const std::string& name, TensorView view) {
  total_bytes_ += view.byte_size();
  if (!tensors_.emplace(name, Place{&file, std::move(view)}).second)
    throw DataError(fmt::format("{}: tensor {} is also in {}", file.path(), name, file_of(name)),
                    "remove the file that does not belong to this model");
  names_.push_back(name);
}

const CheckpointReader::Place& CheckpointReader::place(const std::string& name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end() || hidden_.count(name) > 0)
    throw DataError(fmt::format("{}: tensor {} is missing", folder_, name),
                    "the checkpoint is incomplete, or config.json belongs to another model");
  return it->second;
}

TensorView CheckpointReader::at(const std::string& name) const {
  const auto coded = coded_.find(name);
  if (coded != coded_.end() && coded->second.source.is_plain()) return coded->second.source.plain();
  if (coded != coded_.end())
    throw DataError(
        fmt::format("{}: {} is stored as codes, values are expected there", file_of(name), name),
        "use the model as its makers released it before quantization");
  return place(name).view;
}

WeightSource CheckpointReader::source(const std::string& name) const {
  const auto it = coded_.find(name);
  return it == coded_.end() ? WeightSource(at(name)) : it->second.source;
}

std::optional<TensorView> CheckpointReader::find(const std::string& name) const {
  if (!has(name)) return std::nullopt;
  return at(name);
}

std::string CheckpointReader::file_of(const std::string& name) const {
  const auto coded = coded_.find(name);
  const auto it = tensors_.find(coded == coded_.end() ? name : coded->second.parts.front());
  return it == tensors_.end() ? "" : it->second.file->path();
}

std::uint64_t CheckpointReader::will_need(const std::string& name, std::uint64_t most) const {
  std::uint64_t asked = 0;
  const auto ask = [&](const Place& place, const TensorView& view, std::uint64_t shares) {
    const std::uint64_t size = std::min<std::uint64_t>(view.byte_size(), (most - asked) * shares);
    if (size > 0)
      place.file->will_need(static_cast<std::size_t>(view.bytes - place.file->data()), size);
    asked += size / shares;
  };
  const auto coded = coded_.find(name);
  if (coded == coded_.end()) {
    const auto found = tensors_.find(name);
    if (found != tensors_.end() && hidden_.count(name) == 0)
      ask(found->second, found->second.view, 1);
    return asked;
  }
  const auto ask_part = [&](const TensorView& view, std::uint64_t shares) {
    const std::less_equal<const std::byte*> not_behind;
    for (const std::string& part : coded->second.parts) {
      const Place& place = tensors_.at(part);
      if (!not_behind(place.view.bytes, view.bytes) ||
          !not_behind(view.bytes + view.byte_size(), place.view.bytes + place.view.byte_size()))
        continue;  // it lies in another part, or was made while the folder was opened
      ask(place, view, shares);
      return;
    }
  };
  const WeightSource& source = coded->second.source;
  if (source.is_plain()) {
    ask_part(source.plain(), 1);
    return asked;
  }
  const CodedWeight& weight = source.coded();
  ask_part(weight.data, interleaved(weight));
  ask_part(weight.scale, interleaved(weight));
  if (weight.outer) ask_part(*weight.outer, 1);
  return asked;
}

void CheckpointReader::dont_need(const std::string& name) const {
  const auto drop = [&](const Place& place) {
    place.file->dont_need(static_cast<std::size_t>(place.view.bytes - place.file->data()),
                          place.view.byte_size());
  };
  const auto coded = coded_.find(name);
  if (coded == coded_.end()) return drop(place(name));
  if (!coded->second.drops) return;
  for (const std::string& part : coded->second.parts) drop(tensors_.at(part));
}

void CheckpointReader::show_decoded(CodedTensors coded) {
  coded_ = std::move(coded.tensors);
  hidden_ = std::move(coded.dropped);
  files_.insert(files_.end(), coded.owned.begin(), coded.owned.end());
  std::map<std::string, std::vector<std::string>> shown;  // codes -> values
  for (const auto& [name, tensor] : coded_) {
    shown[tensor.parts.front()].push_back(name);
    hidden_.insert(tensor.parts.begin(), tensor.parts.end());
  }
  std::vector<std::string> names;
  for (const std::string& name : names_) {
    if (const auto it = shown.find(name); it != shown.end())
      names.insert(names.end(), it->second.begin(), it->second.end());
    else if (hidden_.count(name) == 0)
      names.push_back(name);
  }
  names_ = std::move(names);
}

void CheckpointReader::hide(const std::function<bool(const std::string& name)>& is_hidden) {
  for (const auto& [name, place] : tensors_) {
    if (!is_hidden(name)) continue;
    total_bytes_ -= place.view.byte_size();
    hidden_.insert(name);
  }
  for (auto it = coded_.begin(); it != coded_.end();)
    it = is_hidden(it->first) ? coded_.erase(it) : std::next(it);
  names_.erase(std::remove_if(names_.begin(), names_.end(), is_hidden), names_.end());
}

}  // namespace msmodelslim
