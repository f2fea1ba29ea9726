#pragma once
// A model folder as its users have it: config.json, *.safetensors (one file, or shards with an
// index). Weights are mapped, never loaded as a whole.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/weight_source.h"

namespace msmodelslim {

// A tensor of values that the files hold as codes.
struct CodedTensor {
  WeightSource source;
  std::vector<std::string> parts;  // the tensors that it is made of, the codes first
  bool drops = true;               // nobody needs the parts when it is done
};

struct CodedTensors {
  std::map<std::string, CodedTensor> tensors;
  std::vector<std::shared_ptr<const Tensor>> owned;  // what some of them look at
  std::set<std::string> dropped;                     // tensors that are not shown
};

class CheckpointReader {
 public:
  // Opens every weight file of `folder`: model.safetensors when there is one (as transformers
  // does), else the files of the only *.safetensors.index.json, else every *.safetensors at the top
  // level. Throws DataError for a missing shard, a tensor that the index names and no file has, a
  // tensor that two files have, or no weights at all.
  explicit CheckpointReader(const std::string& folder);

  const std::string& folder() const { return folder_; }
  const std::vector<std::string>& weight_files() const { return weight_files_; }  // paths
  const std::vector<std::string>& names() const { return names_; }  // sorted by file, then offset
  bool has(const std::string& name) const {
    return (tensors_.count(name) > 0 && hidden_.count(name) == 0) || coded_.count(name) > 0;
  }
  // Throws DataError naming the folder and the tensor when it is absent, or stored as codes.
  TensorView at(const std::string& name) const;
  // The same, codes too.
  WeightSource source(const std::string& name) const;
  std::optional<TensorView> find(const std::string& name) const;
  // The file that holds `name` ("" when absent), for messages.
  std::string file_of(const std::string& name) const;
  std::uint64_t total_bytes() const { return total_bytes_; }
  // The page cache shall read this tensor, or the codes and scales that it is made of, `most` bytes
  // of it. Returns how many; 0 when it is absent. Of values between those of another tensor (fused
  // experts) each counts its own.
  std::uint64_t will_need(const std::string& name, std::uint64_t most = kReadAhead) const;
  static constexpr std::uint64_t kReadAhead = 512 << 20;
  // The page cache may drop this tensor.
  void dont_need(const std::string& name) const;
  // From now on these are the tensors in place of their parts, for open_source().
  void show_decoded(CodedTensors coded);
  // From now on tensors of these names are not there; they no longer count in total_bytes().
  void hide(const std::function<bool(const std::string& name)>& is_hidden);
  bool decodes() const { return !coded_.empty(); }
  // The tensors of the files that a decoded one is made of.
  const std::vector<std::string>& parts(const std::string& name) const {
    return coded_.at(name).parts;
  }

 private:
  struct Place {
    const MappedFile* file;
    TensorView view;
  };
  const Place& place(const std::string& name) const;
  void add(const MappedFile& file, const std::string& name, TensorView view);

  std::string folder_;
  std::vector<std::string> weight_files_;
  std::vector<std::shared_ptr<const void>> files_;  // keeps what the views look at
  std::map<std::string, Place> tensors_;
  std::map<std::string, CodedTensor> coded_;
  std::set<std::string> hidden_;
  std::vector<std::string> names_;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace msmodelslim
