#include "checkpoint/shard_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "checkpoint/safetensors.h"

namespace msmodelslim {
namespace {

// Shards below this size stay in memory and get the exact layout of the Python library; larger
// ones are streamed behind a reserved header.
constexpr std::uint64_t kBuffered = 32ULL << 20;
constexpr std::uint64_t kHeaderReserve = 4ULL << 20;

}  // namespace

class ShardWriter::Shard {
 public:
  explicit Shard(std::string path) : path_(std::move(path)) {}
  ~Shard() {
    if (fd_ >= 0) ::close(fd_);
  }
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  std::uint64_t payload() const { return payload_; }
  const std::string& path() const { return path_; }

  void add(const std::string& name, const TensorView& tensor) {
    const std::uint64_t size = tensor.byte_size();
    entries_.push_back({name, tensor.dtype, tensor.shape, payload_, payload_ + size});
    if (fd_ < 0 && payload_ + size <= kBuffered) {
      buffered_.push_back(Tensor::copy_of(tensor));
    } else {
      if (fd_ < 0) start_stream();
      write(tensor.bytes, size, kHeaderReserve + payload_);
    }
    payload_ += size;
  }

  void close() {
    if (fd_ < 0) {
      std::vector<NamedTensor> tensors;
      for (std::size_t i = 0; i < entries_.size(); ++i)
        tensors.push_back({entries_[i].name, buffered_[i].view()});
      write_safetensors(path_, std::move(tensors));
      return;
    }
    std::string header = safetensors_header_text(entries_);
    const bool aligned = std::all_of(
        entries_.begin(), entries_.end(),
        [](const SafetensorsEntry& entry) { return entry.begin % dtype_size(entry.dtype) == 0; });
    if (header.size() > kHeaderReserve || !aligned) {
      rewrite_sorted();
      return;
    }
    header.append(kHeaderReserve - header.size(), ' ');
    const std::uint64_t length = kHeaderReserve - 8;
    std::memcpy(header.data(), &length, 8);
    write(header.data(), header.size(), 0);
    close_file();
  }

 private:
  void start_stream() {
    fd_ = ::open(path_.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0666);
    if (fd_ < 0) fail();
    std::uint64_t position = kHeaderReserve;
    for (const Tensor& tensor : buffered_) {
      write(tensor.bytes(), tensor.byte_size(), position);
      position += tensor.byte_size();
    }
    buffered_.clear();
  }

  void write(const void* data, std::uint64_t size, std::uint64_t offset) {
    const auto* bytes = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t done = ::pwrite(fd_, bytes, size, static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail();
      bytes += done;
      size -= static_cast<std::uint64_t>(done);
      offset += static_cast<std::uint64_t>(done);
    }
  }

  // Header too long for its place, or a tensor not aligned: lay the file out anew, as the library
  // does.
  void rewrite_sorted() {
    const std::string streamed = path_ + ".data";
    close_file();
    fs::rename(path_, streamed);
    {
      const MappedFile map(streamed);
      std::vector<NamedTensor> tensors;
      for (const SafetensorsEntry& entry : entries_)
        tensors.push_back(
            {entry.name, {entry.dtype, entry.shape, map.data() + kHeaderReserve + entry.begin}});
      write_safetensors(path_, std::move(tensors));
    }
    fs::remove(streamed);
  }

  void close_file() {
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0) fail();
  }

  [[noreturn]] void fail() const {
    throw ResourceError(fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)),
                        "free space on the disk or choose another --save_path");
  }

  std::string path_;
  std::vector<SafetensorsEntry> entries_;
  std::vector<Tensor> buffered_;
  int fd_ = -1;
  std::uint64_t payload_ = 0;
};

ShardWriter::ShardWriter(std::string folder, std::string stem, std::uint64_t limit_bytes)
    : folder_(std::move(folder)), stem_(std::move(stem)), limit_bytes_(limit_bytes) {}

ShardWriter::~ShardWriter() = default;

void ShardWriter::add(const std::string& name, const TensorView& tensor) {
  if (shard_of_.count(name) > 0)
    throw DataError(fmt::format("{}: tensor {} would be written twice", folder_, name),
                    "this is a defect of msmodelslim; please report it with the recipe");
  const std::uint64_t size = tensor.byte_size();
  if (shard_ && limit_bytes_ > 0 && shard_->payload() + size >= limit_bytes_) close_shard();
  if (!shard_) {
    const std::string file =
        fmt::format("{}-{:05}-of-00000.safetensors", stem_, shard_files_.size() + 1);
    shard_ = std::make_unique<Shard>((fs::path(folder_) / file).string());
  }
  shard_->add(name, tensor);
  shard_of_[name] = shard_files_.size();
  written_.push_back({name, tensor.dtype, tensor.shape, hash_bytes(tensor.bytes, size)});
  total_bytes_ += size;
}

void ShardWriter::close_shard() {
  shard_->close();
  shard_files_.push_back(shard_->path());
  shard_.reset();
}

void ShardWriter::finish() {
  if (shard_) close_shard();
  std::vector<std::string> names;
  const std::size_t count = shard_files_.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (limit_bytes_ == 0)
      names.push_back(stem_ + ".safetensors");
    else if (count > 99999)
      names.push_back(fmt::format("{}-{}-of-{}.safetensors", stem_, i + 1, count));
    else
      names.push_back(fmt::format("{}-{:05}-of-{:05}.safetensors", stem_, i + 1, count));
    fs::rename(shard_files_[i], fs::path(folder_) / names.back());
  }
  if (limit_bytes_ == 0) return;
  Json::object_t weight_map;
  for (const WrittenTensor& tensor : written_)
    weight_map.emplace_back(tensor.name, names[shard_of_.at(tensor.name)]);
  const Json index = {{"metadata", {{"total_size", total_bytes_}}},
                      {"weight_map", std::move(weight_map)}};
  write_file_atomic((fs::path(folder_) / (stem_ + ".safetensors.index.json")).string(),
                    dump_json_python(index, 2));
}

}  // namespace msmodelslim
