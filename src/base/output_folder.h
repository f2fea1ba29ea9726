#pragma once
// The output folder of a command appears under its final name only when it is whole.
//
// Files are made in a hidden folder ".<name>.msmodelslim-partial" beside the target, which is
// renamed at the end. A mount point cannot be renamed: there the hidden folder lies inside it and
// its files are moved out one by one, the description and config.json last. What an earlier run
// left there is removed first, unless it can be used.

#include <cstdint>
#include <functional>
#include <string>

#include "base/files.h"

namespace msmodelslim {

// Throws UsageError when `path` equals, lies in, or holds `source` (links resolved), is a file, or
// is not empty without `overwrite`; with it only a folder that holds a config.json is replaced.
void check_output_path(const std::string& path, const std::string& source, bool overwrite);

// Bytes of files that an unfinished run has left for `path`: a run that goes on needs less room.
std::uint64_t unfinished_bytes(const std::string& path);

// Where files lie in `working` that only an unfinished run needs. publish() removes it.
std::string unfinished_folder(const std::string& working);

class OutputFolder {
 public:
  // Whether what an earlier run left in its working folder is to stay.
  using WantsLeft = std::function<bool(const std::string& working)>;

  // check_output_path(), then makes the working folder; ResourceError when that cannot be done,
  // UsageError when another process is at work there.
  OutputFolder(const std::string& path, const std::string& source, bool overwrite,
               const WantsLeft& wants_left = {});
  ~OutputFolder();  // removes what was not published, unless keep() was called
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  std::string working() const { return working_.string(); }  // where to write
  std::string file(const std::string& name) const { return (working_ / name).string(); }
  std::string final_path() const { return target_.string(); }
  // Throws ResourceError when the file system has less room than that.
  void require_space(std::uint64_t bytes) const;
  void keep() { kept_ = true; }  // for a later run
  void publish();                // gives the folder its name

 private:
  void move_into_place();
  void lock();

  fs::path target_;
  fs::path working_;
  int lock_ = -1;  // the working folder, held as long as this object lives
  bool kept_ = false;
  bool published_ = false;
};

}  // namespace msmodelslim
