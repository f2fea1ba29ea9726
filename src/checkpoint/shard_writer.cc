#include "checkpoint/shard_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/output_folder.h"
#include "checkpoint/safetensors.h"

namespace msmodelslim {
namespace {

// Tensors are streamed behind a reserved header. Shards below this size are laid out anew when they
// are closed, exactly as the Python library does.
constexpr std::uint64_t kSmall = 32ULL << 20;
constexpr std::uint64_t kHeaderReserve = 4ULL << 20;

[[noreturn]] void fail(const std::string& path) {
  throw ResourceError(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)),
                      "free space on the disk or choose another --save_path");
}

constexpr const char* kStreamed = ".data";
constexpr const char* kSorted = ".safetensors";

// The file of a closed shard: laid out anew, or as it was streamed.
std::string result_of(const std::string& shard) {
  return shard + (fs::exists(shard + kSorted) ? kSorted : kStreamed);
}

// The old name stays where the file system can do that, so that a run killed now can go on.
void give_name(const fs::path& file, const fs::path& name) {
  std::error_code ec;
  fs::remove(name, ec);
  fs::create_hard_link(file, name, ec);
  if (ec) fs::rename(file, name);
}

}  // namespace

class ShardWriter::Shard {
 public:
  // `path`: without an ending.
  explicit Shard(std::string path) : path_(std::move(path)) { open(O_CREAT | O_TRUNC); }
  // Goes on behind `entries`, which the file holds.
  Shard(std::string path, std::vector<SafetensorsEntry> entries)
      : path_(std::move(path)), entries_(std::move(entries)) {
    if (!entries_.empty()) payload_ = entries_.back().end;
    open(0);
    const std::uint64_t size = kHeaderReserve + payload_;
    if (fs::file_size(streamed()) < size)
      throw DataError(fmt::format("{}: has {} bytes, the journal of the unfinished run says {}",
                                  streamed(), fs::file_size(streamed()), size),
                      "give --restart to begin again");
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) fail(streamed());
  }
  ~Shard() {
    if (fd_ >= 0) ::close(fd_);
  }
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  std::uint64_t payload() const { return payload_; }
  const std::string& path() const { return path_; }

  // Returns the place of its bytes in the file.
  std::uint64_t place(const std::string& name, const TensorView& tensor) {
    const std::uint64_t begin = payload_;
    payload_ += tensor.byte_size();
    entries_.push_back({name, tensor.dtype, tensor.shape, begin, payload_});
    return kHeaderReserve + begin;
  }

  void write(const void* data, std::uint64_t size, std::uint64_t offset) const {
    const auto* bytes = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t done = ::pwrite(fd_, bytes, size, static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail(streamed());
      bytes += done;
      size -= static_cast<std::uint64_t>(done);
      offset += static_cast<std::uint64_t>(done);
    }
  }

  void sync() const {
    if (::fsync(fd_) != 0) fail(streamed());
  }

  void close() {
    std::string header = safetensors_header_text(entries_);
    const bool aligned = std::all_of(
        entries_.begin(), entries_.end(),
        [](const SafetensorsEntry& entry) { return entry.begin % dtype_size(entry.dtype) == 0; });
    if (payload_ <= kSmall || header.size() > kHeaderReserve || !aligned) {
      write_sorted();
      return;
    }
    header.append(kHeaderReserve - header.size(), ' ');
    const std::uint64_t length = kHeaderReserve - 8;
    std::memcpy(header.data(), &length, 8);
    write(header.data(), header.size(), 0);
    close_file();
    fs::remove(path_ + kSorted);  // of a run that was killed
  }

 private:
  std::string streamed() const { return path_ + kStreamed; }

  void open(int flags) {
    fd_ = ::open(streamed().c_str(), flags | O_RDWR | O_CLOEXEC, 0666);
    if (fd_ < 0) fail(streamed());
  }

  // A small shard, a header too long for its place, or a tensor not aligned. The streamed file
  // stays: the journal may still speak of it.
  void write_sorted() {
    close_file();
    const MappedFile map(streamed());
    std::vector<NamedTensor> tensors;
    for (const SafetensorsEntry& entry : entries_)
      tensors.push_back(
          {entry.name, {entry.dtype, entry.shape, map.data() + kHeaderReserve + entry.begin}});
    write_safetensors(path_ + kSorted, std::move(tensors));
  }

  void close_file() {
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0) fail(streamed());
  }

  std::string path_;
  std::vector<SafetensorsEntry> entries_;
  int fd_ = -1;
  std::uint64_t payload_ = 0;
};

ShardWriter::ShardWriter(std::string folder, std::string stem, std::uint64_t limit_bytes)
    : folder_(std::move(folder)), stem_(std::move(stem)), limit_bytes_(limit_bytes) {}

ShardWriter::~ShardWriter() = default;

void ShardWriter::add(const std::string& name, const TensorView& tensor) {
  const std::uint64_t offset = place(name, tensor);
  shard_->write(tensor.bytes, tensor.byte_size(), offset);
}

void ShardWriter::add(const std::string& name, Tensor tensor) {
  const std::uint64_t offset = place(name, tensor.view());
  const std::size_t size = tensor.byte_size();
  queue_.add(size, [shard = shard_.get(), size, offset,
                    held = std::make_shared<const Tensor>(std::move(tensor))] {
    shard->write(held->bytes(), size, offset);
  });
}

std::uint64_t ShardWriter::place(const std::string& name, const TensorView& tensor) {
  if (shard_of_.count(name) > 0)
    throw DataError(fmt::format("{}: tensor {} would be written twice", folder_, name),
                    "this is a defect of msmodelslim; please report it with the recipe");
  const std::uint64_t size = tensor.byte_size();
  if (shard_ && limit_bytes_ > 0 && shard_->payload() + size >= limit_bytes_) close_shard();
  if (!shard_) shard_ = std::make_unique<Shard>(next_path());
  shard_of_[name] = shards_.size();
  written_.push_back({name, tensor.dtype, tensor.shape, hash128_bytes(tensor.bytes, size)});
  total_bytes_ += size;
  return shard_->place(name, tensor);
}

std::string ShardWriter::next_path() const {
  const fs::path parts = unfinished_folder(folder_);
  fs::create_directories(parts);
  return (parts / fmt::format("{}-{}", stem_, shards_.size() + 1)).string();
}

void ShardWriter::close_shard() {
  queue_.wait();
  shard_->close();
  shards_.push_back(shard_->path());
  shard_.reset();
}

void ShardWriter::sync() {
  queue_.wait();
  for (; synced_ < shards_.size(); ++synced_) sync_path(result_of(shards_[synced_]));
  if (shard_) shard_->sync();
}

Json ShardWriter::state() {
  for (std::size_t i = 0; i < synced_; ++i)  // the state before this one had them closed
    if (fs::exists(shards_[i] + kSorted)) fs::remove(shards_[i] + kStreamed);
  sync();
  Json tensors = Json::array();
  for (const WrittenTensor& tensor : written_)
    tensors.push_back({tensor.name, dtype_name(tensor.dtype), tensor.shape, tensor.hash.text(),
                       shard_of_.at(tensor.name)});
  return {{"closed_shards", shards_.size()}, {"tensors", std::move(tensors)}};
}

void ShardWriter::resume(const Json& state) {
  const auto closed = state.at("closed_shards").get<std::size_t>();
  std::vector<SafetensorsEntry> open;  // of the shard that was open
  std::uint64_t end = 0;
  for (const Json& item : state.at("tensors")) {
    WrittenTensor tensor{item.at(0), dtype_from_name(item.at(1).get<std::string>()).value(),
                         item.at(2).get<Shape>(), hash128_from_text(item.at(3).get<std::string>())};
    const std::uint64_t size = TensorView{tensor.dtype, tensor.shape, nullptr}.byte_size();
    const auto shard = item.at(4).get<std::size_t>();
    total_bytes_ += size;
    shard_of_[tensor.name] = shard;
    if (shard == closed) {
      open.push_back({tensor.name, tensor.dtype, tensor.shape, end, end + size});
      end += size;
    }
    written_.push_back(std::move(tensor));
  }
  for (std::size_t i = 0; i < closed; ++i) {
    shards_.push_back(next_path());
    if (!fs::exists(result_of(shards_.back())))
      throw DataError(
          fmt::format("{}: is missing in the unfinished run", result_of(shards_.back())),
          "give --restart to begin again");
  }
  synced_ = closed;
  if (!open.empty()) shard_ = std::make_unique<Shard>(next_path(), std::move(open));
}

void ShardWriter::finish() {
  if (shard_) close_shard();
  sync();
  std::vector<std::string> names;
  const std::size_t count = shards_.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (limit_bytes_ == 0)
      names.push_back(stem_ + ".safetensors");
    else if (count > 99999)
      names.push_back(fmt::format("{}-{}-of-{}.safetensors", stem_, i + 1, count));
    else
      names.push_back(fmt::format("{}-{:05}-of-{:05}.safetensors", stem_, i + 1, count));
    give_name(result_of(shards_[i]), fs::path(folder_) / names.back());
  }
  if (limit_bytes_ == 0) return;
  Json::object_t weight_map;
  for (const WrittenTensor& tensor : written_)
    weight_map.emplace_back(tensor.name, names[shard_of_.at(tensor.name)]);
  for (const auto& [name, file] : elsewhere_) weight_map.emplace_back(name, file);
  const Json index = {{"metadata", {{"total_size", total_bytes_}}},
                      {"weight_map", std::move(weight_map)}};
  write_file_atomic((fs::path(folder_) / (stem_ + ".safetensors.index.json")).string(),
                    dump_json_python(index, 2));
}

void ShardWriter::note_elsewhere(const std::string& name, const std::string& file) {
  elsewhere_.emplace_back(name, file);
}

}  // namespace msmodelslim
