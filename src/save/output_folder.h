#pragma once
// The output folder appears under its final name only when it is whole.
//
// Files are made in a hidden sibling ".<name>.msmodelslim-partial", which is renamed at the end. A folder
// that cannot be renamed (a mount point) is filled in place and emptied again when the run fails. An
// unfinished sibling of an earlier run is removed first.

#include <string>

namespace msmodelslim {

class OutputFolder {
 public:
  // Throws UsageError when `path` equals, lies in, or holds one of `protected_folder` (links
  // resolved), when it is not empty and `overwrite` is false, ResourceError when it cannot be made.
  OutputFolder(const std::string& path, const std::string& protected_folder, bool overwrite);
  ~OutputFolder();  // removes what was not published
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& working() const { return working_; }  // where to write
  const std::string& final_path() const { return final_; }
  void publish();  // gives the folder its name; a replaced folder is removed afterwards

 private:
  std::string final_;
  std::string working_;
  bool in_place_ = false;
  bool published_ = false;
};

}  // namespace msmodelslim
