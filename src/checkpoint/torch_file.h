#pragma once
// A file of torch.save (PyTorch 1.6 and later): a ZIP with
//
//   NAME/data.pkl    what read_pickled_tensors() reads
//   NAME/byteorder   "little"; absent in older files
//   NAME/data/KEY    the bytes of a storage

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "checkpoint/safetensors.h"

namespace msmodelslim {

// The tensors of the file that `bytes` are, which the views look at. DataError names `where`.
std::vector<NamedTensor> read_torch_tensors(std::string_view bytes, const std::string& where);

class TorchFile {
 public:
  explicit TorchFile(const std::string& path)
      : map_(path),
        tensors_(
            read_torch_tensors({reinterpret_cast<const char*>(map_.data()), map_.size()}, path)) {}
  const MappedFile& map() const { return map_; }
  const std::vector<NamedTensor>& tensors() const { return tensors_; }

 private:
  MappedFile map_;
  std::vector<NamedTensor> tensors_;
};

}  // namespace msmodelslim
