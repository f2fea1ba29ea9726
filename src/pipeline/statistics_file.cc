#include "pipeline/statistics_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"

namespace msmodelslim {
namespace {

constexpr std::string_view kMagic = "MSMSTATS";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHashBytes = 2 * sizeof(std::uint64_t);
constexpr std::uint64_t kMostHeader = 64 << 20;

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

Hash128 hash_of(std::span<const std::byte> bytes) {
  return hash128_bytes(bytes.data(), bytes.size());
}

// Of pieces that do not lie together.
class PiecesHash {
 public:
  void add(std::span<const std::byte> piece) {
    const Hash128 hash = hash_of(piece);
    writer_.value(hash.high);
    writer_.value(hash.low);
  }
  Hash128 finish() { return hash_of(writer_.take()); }

 private:
  ByteWriter writer_;
};

// Takes pieces off the front of a text.
class Cutter {
 public:
  Cutter(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}
  std::string_view take(std::uint64_t size, const char* what) {
    if (size > bytes_.size())
      throw DataError(
          fmt::format("{}: the file of statistics is cut: {} needs {} bytes, {} are left", path_,
                      what, size, bytes_.size()),
          "make it again with --stats_out");
    const std::string_view piece = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return piece;
  }
  std::uint64_t number(const char* what) {
    return ByteReader(bytes_of(take(sizeof(std::uint64_t), what))).value<std::uint64_t>();
  }
  Hash128 hash(const char* what) {
    ByteReader reader(bytes_of(take(kHashBytes, what)));
    const auto high = reader.value<std::uint64_t>();
    return {high, reader.value<std::uint64_t>()};
  }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
  const std::string& path_;
};

DataError damaged(const std::string& path, const char* what) {
  return DataError(fmt::format("{}: the file of statistics is damaged: {}", path, what),
                   "make it again with --stats_out");
}

std::string start_of(const std::string& header) {
  ByteWriter writer;
  writer.value(kVersion);
  writer.value<std::uint32_t>(0);
  writer.value<std::uint64_t>(header.size());
  const Hash128 hash = hash_of(bytes_of(header));
  writer.value(hash.high);
  writer.value(hash.low);
  const Bytes numbers = writer.take();
  return std::string(kMagic) +
         std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size()) + header;
}

}  // namespace

StatisticsFile::StatisticsFile(const std::string& path)
    : map_(std::make_unique<MappedFile>(path)),
      bytes_(reinterpret_cast<const char*>(map_->data()), map_->size()),
      path_(path) {
  parse();
}

StatisticsFile::StatisticsFile(std::string_view bytes, std::string path)
    : bytes_(bytes), path_(std::move(path)) {
  parse();
}

void StatisticsFile::parse() {
  if (!bytes_.starts_with(kMagic))
    throw DataError(fmt::format("{} is no file of statistics", path_),
                    "give a file that --stats_out has made");
  Cutter file(bytes_.substr(kMagic.size()), path_);
  ByteReader versions(bytes_of(file.take(2 * sizeof(std::uint32_t), "the version")));
  if (const auto version = versions.value<std::uint32_t>(); version != kVersion)
    throw DataError(fmt::format("{}: the file of statistics has layout {}, this program reads {}",
                                path_, version, kVersion),
                    "make it again with --stats_out");
  const std::uint64_t size = file.number("the header");
  const Hash128 hash = file.hash("the header");
  if (size > kMostHeader) throw damaged(path_, "its header is too large");
  const std::string_view header = file.take(size, "the header");
  if (hash_of(bytes_of(header)) != hash) throw damaged(path_, "its header was changed");
  header_ = Json::parse(header, nullptr, false);
  const auto is = [&](const char* key, auto test) {
    return header_.is_object() && header_.contains(key) && test(header_[key]);
  };

  if (!is("print", [](const Json& value) { return value.is_object(); }) ||
      !is("recipe", [](const Json& value) { return value.is_string(); }) ||
      !is("blocks", [](const Json& value) { return value.is_number_unsigned(); }))
    throw damaged(path_, "its header lacks a key");
  const auto count = header_["blocks"].get<std::uint64_t>();
  for (std::uint64_t i = 0; i <= count; ++i) {
    const std::uint64_t length = file.number("a record");
    if (length > UINT64_MAX - kHashBytes) throw damaged(path_, "a record is too long");
    records_.push_back(file.take(length + kHashBytes, "a record"));
  }
  if (!file.rest().empty()) throw damaged(path_, "there is more behind its end");
}

GatheredView StatisticsFile::record(std::size_t index) const {
  Cutter record(records_.at(index), path_);
  const Hash128 hash = record.hash("a record");
  const std::string_view table = record.take(record.number("a table"), "a table");
  PiecesHash found;
  found.add(bytes_of(table));
  GatheredView view;
  ByteReader reader(bytes_of(table));
  view.expert_tokens = reader.values<std::int64_t>();
  for (auto passes = reader.value<std::uint64_t>(); passes > 0; --passes) {
    std::vector<GatheredView::Part>& parts = view.passes[reader.value<std::uint64_t>()];
    for (const std::uint64_t size : reader.values<std::uint64_t>()) {
      parts.push_back(bytes_of(record.take(size, "a part of a record")));
      found.add(parts.back());
    }
  }
  if (!reader.at_end() || !record.rest().empty()) throw damaged(path_, "a record is too long");
  if (found.finish() != hash) throw damaged(path_, "a record was changed");
  return view;
}

void StatisticsWriter::check(const std::string& path, bool overwrite) {
  std::error_code ec;
  if (!fs::exists(path, ec)) return;
  if (!fs::is_regular_file(path, ec))
    throw UsageError(fmt::format("--stats_out {} is a folder", path), "give the name of a file");
  if (!overwrite)
    throw UsageError(fmt::format("--stats_out {} exists", path),
                     "give --overwrite to replace it, or choose another name");
}

StatisticsWriter::StatisticsWriter(const std::string& path, Json header, std::size_t blocks)
    : path_(path) {
  const fs::path target = fs::absolute(path);
  partial_ =
      (target.parent_path() / fmt::format(".{}.msmodelslim-partial", target.filename().string()))
          .string();
  header["blocks"] = blocks;
  header_ = header.dump();
  file_ = ::open(partial_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) throw_cannot_write();
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(file_);
  throw UsageError(fmt::format("another process is writing {}", path_),
                   "wait for its end, or choose another --stats_out");
}

StatisticsWriter::~StatisticsWriter() {
  std::error_code ignored;
  if (!published_ && !kept_) fs::remove(partial_, ignored);
  ::close(file_);
}

void StatisticsWriter::throw_cannot_write() const {
  throw ResourceError(
      fmt::format("--stats_out {}: cannot be written: {}", path_, std::strerror(errno)),
      "free space on the disk, change the permissions, or choose another file");
}

void StatisticsWriter::write(const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(file_, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_cannot_write();
    at += written;
    size -= static_cast<std::size_t>(written);
  }
}

void StatisticsWriter::begin() {
  if (::ftruncate(file_, 0) != 0 || ::lseek(file_, 0, SEEK_SET) < 0) throw_cannot_write();
  const std::string start = start_of(header_);
  write(start.data(), start.size());
}

// Where the first `blocks` records end in what an earlier run has left; 0: they are not there.
std::uint64_t StatisticsWriter::end_of(std::size_t blocks) const {
  try {
    const MappedFile map(partial_);
    const std::string_view bytes(reinterpret_cast<const char*>(map.data()), map.size());
    const std::string start = start_of(header_);
    Cutter left(bytes, partial_);
    if (left.take(start.size(), "the header") != start) return 0;
    for (std::size_t i = 0; i < blocks; ++i) {
      const std::uint64_t size = left.number("a record");
      left.take(kHashBytes, "a record");
      left.take(size, "a record");
    }
    return bytes.size() - left.rest().size();
  } catch (const DataError&) {
    return 0;
  }
}

bool StatisticsWriter::go_on(std::size_t blocks) {
  const std::uint64_t end = blocks == 0 ? 0 : end_of(blocks);
  if (end == 0) {
    begin();
    return blocks == 0;
  }
  if (::ftruncate(file_, static_cast<off_t>(end)) != 0 || ::lseek(file_, 0, SEEK_END) < 0)
    throw_cannot_write();
  return true;
}

void StatisticsWriter::add(const GatheredBlock& record) {
  ByteWriter writer;
  std::uint64_t size = 0;
  writer.values(record.expert_tokens);
  writer.value<std::uint64_t>(record.passes.size());
  for (const auto& [entry, parts] : record.passes) {
    writer.value<std::uint64_t>(entry);
    std::vector<std::uint64_t> sizes;
    for (const Bytes& part : parts) sizes.push_back(part.size());
    for (const std::uint64_t part : sizes) size += part;
    writer.values(sizes);
  }
  const Bytes table = writer.take();
  PiecesHash pieces;
  pieces.add(table);
  for (const auto& [entry, parts] : record.passes)
    for (const Bytes& part : parts) pieces.add(part);
  const Hash128 hash = pieces.finish();
  writer.value<std::uint64_t>(sizeof(std::uint64_t) + table.size() + size);
  writer.value(hash.high);
  writer.value(hash.low);
  writer.value<std::uint64_t>(table.size());
  const Bytes front = writer.take();
  write(front.data(), front.size());
  write(table.data(), table.size());
  for (const auto& [entry, parts] : record.passes)
    for (const Bytes& part : parts) write(part.data(), part.size());
}

void StatisticsWriter::sync() {
  if (::fdatasync(file_) != 0) throw_cannot_write();
}

void StatisticsWriter::publish() {
  sync();
  std::error_code error;
  fs::rename(partial_, path_, error);
  if (error)
    throw ResourceError(fmt::format("{}: cannot be given its name: {}", path_, error.message()),
                        "check the permissions of the folder that holds it");
  published_ = true;
}

}  // namespace msmodelslim
