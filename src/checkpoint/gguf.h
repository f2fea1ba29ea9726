#pragma once
// The GGUF container, versions 2 and 3 (little-endian).
//
//   4 bytes   "GGUF"
//   4 bytes   version (u32)
//   8 bytes   number of tensors, 8 bytes number of metadata entries (u64)
//   entries   key (string), kind (u32), value; string = u64 length + bytes;
//             array = u32 kind, u64 count, values
//   tensors   name (string), number of dimensions (u32), each dimension (u64; the first one is the
//             fastest), type (u32), offset into the data part (u64, multiple of the alignment)
//   padding   up to general.alignment (default 32), then the data part
//
// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "checkpoint/gguf_types.h"
#include "checkpoint/gguf_values.h"
#include "tensor/tensor.h"

namespace msmodelslim {

struct GgufTensor {
  std::string name;
  Shape shape;  // row-major: the file's dimensions reversed, so [out, in] for a linear weight
  const GgmlType* type = nullptr;
  std::uint64_t offset = 0;  // bytes from the start of the file
  std::uint64_t size = 0;    // bytes
};

struct GgufHeader {
  GgufMetadata metadata;
  std::vector<GgufTensor> tensors;  // in file order
};

// Checks every count, size and offset against `bytes` (the whole file) before it is used. Throws
// DataError naming `where` and the key or tensor. The result borrows `bytes`.
GgufHeader parse_gguf(std::span<const std::byte> bytes, const std::string& where);

// One file, memory-mapped.
class GgufFile {
 public:
  explicit GgufFile(const std::string& path);

  const std::string& path() const { return map_.path(); }
  const GgufMetadata& metadata() const { return header_.metadata; }
  const std::vector<GgufTensor>& tensors() const { return header_.tensors; }
  // Number of rows and bytes per row: a row is the last dimension.
  static std::int64_t rows(const GgufTensor& tensor);
  // Decodes one row to fp32: `out` has tensor.shape.back() values.
  void decode_row(const GgufTensor& tensor, std::int64_t row, float* out) const;
  void will_need(const GgufTensor& tensor) const { map_.will_need(tensor.offset, tensor.size); }
  void dont_need(const GgufTensor& tensor) const { map_.dont_need(tensor.offset, tensor.size); }

 private:
  MappedFile map_;
  GgufHeader header_;
};

// A model in one file, or in the files "<stem>-00001-of-0000N.gguf" that split.count announces.
class GgufModel {
 public:
  struct Place {
    const GgufFile* file;
    const GgufTensor* tensor;
  };

  explicit GgufModel(const std::string& path);  // any of the files of a split model

  const GgufMetadata& metadata() const { return files_.front()->metadata(); }
  const std::map<std::string, Place>& tensors() const { return tensors_; }
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  const Place& at(const std::string& name) const;  // DataError when absent

 private:
  void add_file(const std::string& path);

  std::vector<std::unique_ptr<GgufFile>> files_;
  std::map<std::string, Place> tensors_;
};

}  // namespace msmodelslim
