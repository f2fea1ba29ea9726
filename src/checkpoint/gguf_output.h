#pragma once
// The folder that `convert` writes. Files go into a hidden sibling ".<name>.partial"; only commit()
// gives it the final name, so a run that fails leaves nothing that an engine would load.

#include <cstdint>
#include <string>

#include "base/files.h"

namespace msmodelslim {

class OutputFolder {
 public:
  // `source` is the model that is read: the target may not be it, inside it or around it. A folder
  // that is not empty is refused with UsageError unless `overwrite`; it is then replaced by
  // commit(), provided that it holds a config.json (so that a slip does not delete somebody's
  // home).
  OutputFolder(const std::string& save_path, const std::string& source, bool overwrite);
  ~OutputFolder();  // removes the partial folder unless commit() succeeded
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  std::string partial() const { return partial_.string(); }
  std::string file(const std::string& name) const { return (partial_ / name).string(); }
  // Throws ResourceError when the file system has less room than that.
  void require_space(std::uint64_t bytes) const;
  void commit();

 private:
  void replace_contents();

  fs::path target_;
  fs::path partial_;
  bool committed_ = false;
};

}  // namespace msmodelslim
