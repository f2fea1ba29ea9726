#pragma once
// The directory of a ZIP file whose entries are stored without compression, as torch.save writes
// them:
//
//   per entry   local header "PK\3\4" (30 bytes, then name and extra), data
//   directory   per entry "PK\1\2" (46 bytes, then name, extra, comment)
//   end         "PK\5\6": number of entries, size and offset of the directory; when these do not
//               fit 32 bits, "PK\6\6" holds them and "PK\6\7" says where that is
//
// Source: APPNOTE.TXT of PKWARE, sections 4.3 to 4.5.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace msmodelslim {

struct ZipEntry {
  std::uint64_t begin = 0;  // of the data, in the file
  std::uint64_t size = 0;
};

// By name. Everything is checked to lie inside `bytes`, the whole file; DataError names `where`.
std::map<std::string, ZipEntry> read_zip(std::string_view bytes, const std::string& where);

}  // namespace msmodelslim
