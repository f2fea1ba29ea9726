#pragma once
// The safetensors container.
//
//   8 bytes   little-endian length N of the header, 2 <= N <= 100 000 000
//   N bytes   JSON: {"__metadata__": {string: string}, "<name>": {"dtype": "BF16",
//             "shape": [..], "data_offsets": [begin, end]}, ...}, padded with blanks
//   rest      tensor bytes; offsets count from here, no holes, no overlap
//
// Source: https://github.com/huggingface/safetensors (format description).

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "tensor/tensor.h"

namespace msmodelslim {

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::uint64_t begin = 0;  // bytes from the start of the data part
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::uint64_t data_start = 0;           // bytes from the start of the file
  std::vector<SafetensorsEntry> entries;  // in file order of their data
  std::map<std::string, std::string> metadata;
};

// Checks everything the format promises; throws DataError naming `where` and the tensor.
// `bytes`: the first bytes of the file, at least the header; `file_size`: of the whole file.
SafetensorsHeader parse_safetensors_header(std::string_view bytes, std::uint64_t file_size,
                                           const std::string& where);

// One file, memory-mapped. Views stay valid as long as the object lives.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  const std::string& path() const { return map_->path(); }
  const std::vector<SafetensorsEntry>& entries() const { return header_.entries; }
  TensorView view(const SafetensorsEntry& entry) const;
  const MappedFile& map() const { return *map_; }
  std::uint64_t data_start() const { return header_.data_start; }

 private:
  std::unique_ptr<MappedFile> map_;
  SafetensorsHeader header_;
};

struct NamedTensor {
  std::string name;
  TensorView view;
};

// Header text (with length prefix and padding) for entries whose offsets are set.
std::string safetensors_header_text(const std::vector<SafetensorsEntry>& entries);

// Writes a whole file; tensors are laid out by falling element size, then name, as the Python
// library does, so that every tensor is aligned. Names must be unique.
void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors);

}  // namespace msmodelslim
