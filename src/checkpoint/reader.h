#pragma once
// A model folder as its users have it: config.json, *.safetensors (one file, or shards with an
// index). Weights are mapped, never loaded as a whole.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/safetensors.h"

namespace msmodelslim {

class CheckpointReader {
 public:
  // Opens every weight file of `folder`: model.safetensors when there is one (as transformers
  // does), else the files of the only *.safetensors.index.json, else every *.safetensors at the top
  // level. Throws DataError for a missing shard, a tensor that the index names and no file has, a
  // tensor that two files have, or no weights at all.
  explicit CheckpointReader(const std::string& folder);

  const std::string& folder() const { return folder_; }
  const std::vector<std::string>& names() const { return names_; }  // sorted by file, then offset
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  // Throws DataError naming the folder and the tensor when it is absent.
  TensorView at(const std::string& name) const;
  std::optional<TensorView> find(const std::string& name) const;
  // The file that holds `name` ("" when absent), for messages.
  std::string file_of(const std::string& name) const;
  std::uint64_t total_bytes() const { return total_bytes_; }
  // The page cache may drop this tensor.
  void dont_need(const std::string& name) const;

 private:
  struct Place {
    const SafetensorsFile* file;
    const SafetensorsEntry* entry;
  };
  const Place& place(const std::string& name) const;

  std::string folder_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, Place> tensors_;
  std::vector<std::string> names_;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace msmodelslim
