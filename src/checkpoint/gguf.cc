#include "checkpoint/gguf.h"

#include "base/error.h"

namespace msmodelslim {

GgufFile::GgufFile(const std::string& path)
    : map_(path), header_(parse_gguf({map_.data(), map_.size()}, path)) {}

std::int64_t GgufFile::rows(const GgufTensor& tensor) {
  return element_count(tensor.shape) / tensor.shape.back();
}

void GgufFile::decode_row(const GgufTensor& tensor, std::int64_t row, float* out) const {
  const std::uint64_t blocks =
      static_cast<std::uint64_t>(tensor.shape.back()) / tensor.type->block_size;
  const std::uint64_t row_bytes = blocks * tensor.type->block_bytes;
  tensor.type->decode(map_.data() + tensor.offset + static_cast<std::uint64_t>(row) * row_bytes,
                      blocks, out);
}

GgufModel::GgufModel(const std::string& path) {
  add_file(path);
  const std::int64_t parts = metadata().integer_or("split.count", 1);
  if (parts <= 1) return;
  // "<stem>-00002-of-00005.gguf": the other files differ only in the first number.
  constexpr std::size_t kTail = sizeof("-00001-of-00005.gguf") - 1;
  const std::string tail = fmt::format("-of-{:05}.gguf", parts);
  if (path.size() <= kTail || path.size() < tail.size() ||
      path.compare(path.size() - tail.size(), tail.size(), tail) != 0)
    throw DataError(fmt::format("{}: one of {} files of a split model, but its name does not end "
                                "with \"-00001{}\"",
                                path, parts, tail),
                    "give the files the names they had when they were downloaded");
  const std::string stem = path.substr(0, path.size() - kTail);
  files_.clear();
  tensors_.clear();
  for (std::int64_t i = 1; i <= parts; ++i) add_file(fmt::format("{}-{:05}{}", stem, i, tail));
}

void GgufModel::add_file(const std::string& path) {
  files_.push_back(std::make_unique<GgufFile>(path));
  const GgufFile& file = *files_.back();
  for (const GgufTensor& tensor : file.tensors())
    if (!tensors_.emplace(tensor.name, Place{&file, &tensor}).second)
      throw DataError(
          fmt::format("{}: tensor \"{}\" is also in another file of the model", path, tensor.name),
          "do not mix files of different models");
}

const GgufModel::Place& GgufModel::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    throw DataError(fmt::format("{}: tensor \"{}\" is missing", metadata().where(), name),
                    "the file is incomplete; download it again");
  return found->second;
}

}  // namespace msmodelslim
