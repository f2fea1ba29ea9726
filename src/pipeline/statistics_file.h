#pragma once
// --stats_out and --stats_in: what calibration has gathered, in a file.
//
//   "MSMSTATS"
//   u32 1, u32 0          version of the layout
//   u64 size, u128 hash   of the header that follows
//   header                JSON: {"print": {part: hash}, "recipe": text, "blocks": n}
//   n + 1 records         of the blocks, then of the head (no pass, unless its inputs are
//   measured):
//     u64 size            of the record behind these two
//     u128 hash           of table and parts, see below
//     u64 size, table     u64 count, i64 tokens of each expert
//                         u64 number of passes; of each: u64 entry, u64 count, u64 size of each
//                         part
//     parts               as they were gathered (gathered.h), one behind the other
//
// Little-endian. Hashes are XXH3-128, of a record that of the hashes of the table and of all parts.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "pipeline/gathered.h"

namespace msmodelslim {

class StatisticsFile {
 public:
  // Everything but the parts is read and checked here. DataError when the file is no such one, or
  // damaged.
  explicit StatisticsFile(const std::string& path);
  // `bytes` must outlive the object.
  StatisticsFile(std::string_view bytes, std::string path);

  const Json& header() const { return header_; }
  std::size_t blocks() const { return records_.size() - 1; }
  // The last is the head's. Checks its hash.
  GatheredView record(std::size_t index) const;
  const std::string& path() const { return path_; }

 private:
  void parse();
  std::unique_ptr<MappedFile> map_;
  std::string_view bytes_;
  std::string path_;
  Json header_;
  std::vector<std::string_view> records_;  // with their hashes
};

// Makes such a file: in ".NAME.msmodelslim-partial" beside it, which is renamed at the end.
class StatisticsWriter {
 public:
  // UsageError when there is a file without `overwrite`, or a folder.
  static void check(const std::string& path, bool overwrite);

  // `header` without "blocks". Another process that writes the same file is a UsageError.
  StatisticsWriter(const std::string& path, Json header, std::size_t blocks);
  ~StatisticsWriter();  // removes what was not published, unless keep() was called
  StatisticsWriter(const StatisticsWriter&) = delete;
  StatisticsWriter& operator=(const StatisticsWriter&) = delete;

  // Goes on behind the first `blocks` records of what an earlier run with the same header has left.
  // False when they are not there: the file begins anew.
  bool go_on(std::size_t blocks);
  void add(const GatheredBlock& record);
  void sync();
  void keep() { kept_ = true; }
  void publish();

 private:
  void begin();
  std::uint64_t end_of(std::size_t blocks) const;
  [[noreturn]] void throw_cannot_write() const;
  void write(const void* data, std::size_t size);

  std::string path_;
  std::string partial_;
  std::string header_;
  int file_ = -1;
  bool kept_ = false;
  bool published_ = false;
};

}  // namespace msmodelslim
