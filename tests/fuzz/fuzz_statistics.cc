// Files of --stats_out: as they are, and with a header (up to the first 0) whose hash is right in
// front of records, which are only compared with theirs at the end.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/hash.h"
#include "pipeline/statistics_file.h"

namespace {

void read(std::string_view bytes) {
  try {
    const msmodelslim::StatisticsFile file(bytes, "fuzz");
    for (std::size_t i = 0; i <= file.blocks(); ++i) {
      volatile std::uint8_t sum = 0;
      for (const auto& [entry, parts] : file.record(i).passes)
        for (const auto& part : parts)
          for (const std::byte byte : part)
            sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(byte));
    }
  } catch (const msmodelslim::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read(bytes);
  const std::string_view header = bytes.substr(0, bytes.find('\0'));
  const msmodelslim::Hash128 hash = msmodelslim::hash128_bytes(header.data(), header.size());
  msmodelslim::ByteWriter front;
  front.value<std::uint32_t>(1);
  front.value<std::uint32_t>(0);
  front.value<std::uint64_t>(header.size());
  front.value(hash.high);
  front.value(hash.low);
  const msmodelslim::Bytes numbers = front.take();
  std::string whole = "MSMSTATS";
  whole.append(reinterpret_cast<const char*>(numbers.data()), numbers.size());
  whole += header;
  if (header.size() < size) whole += bytes.substr(header.size() + 1);
  read(whole);
  return 0;
}
