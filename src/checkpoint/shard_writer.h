#pragma once
// Streams tensors into shards "<stem>-00001-of-00002.safetensors" with
// "<stem>.safetensors.index.json", or into one file "<stem>.safetensors" without an index.
//
// A shard is closed before a tensor when payload + tensor >= limit (msModelSlim's rule), so a shard
// payload is always < limit, except for one tensor that is larger by itself. More than 99999 shards
// lose the zero padding. Tensors that are handed over are written behind the caller's back; at most
// kWaitingBytes of them, or one, are held in memory. Shards are made in unfinished_folder()
// (base/output_folder.h), where a killed run can go on, see state().

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/background_queue.h"
#include "base/hash.h"
#include "base/json.h"
#include "tensor/tensor.h"

namespace msmodelslim {

struct WrittenTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  Hash128 hash;  // of its bytes as they were handed over
};

class ShardWriter {
 public:
  // `limit_bytes` 0: one file, no index.
  ShardWriter(std::string folder, std::string stem, std::uint64_t limit_bytes);
  ~ShardWriter();
  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;

  static constexpr std::size_t kWaitingBytes = 64 << 20;

  // Throws DataError when `name` was already added, ResourceError when the disk is full: a call
  // later where the tensor is handed over.
  void add(const std::string& name, const TensorView& tensor);
  void add(const std::string& name, Tensor tensor);
  // Writes headers, gives the files their names in the folder, writes the index, and makes all
  // survive a power cut. Call once.
  void finish();
  // The index also names a tensor that lies in a file of its own.
  void note_elsewhere(const std::string& name, const std::string& file);

  // What is on the disk now, after it has been made to survive a power cut: for resume() of a new
  // writer with the same folder, stem and limit. What was written behind it is cut off then.
  Json state();
  // DataError when a file is missing or too short.
  void resume(const Json& state);

  const std::vector<WrittenTensor>& written() const { return written_; }
  std::uint64_t total_bytes() const { return total_bytes_; }
  // How long the caller has waited for writes of tensors handed over.
  double waited_seconds() const { return queue_.waited_seconds(); }

 private:
  class Shard;
  // Notes the tensor and opens the shard where it goes. Returns its place there.
  std::uint64_t place(const std::string& name, const TensorView& tensor);
  void close_shard();
  std::string next_path() const;
  void sync();
  std::string folder_;
  std::string stem_;
  std::uint64_t limit_bytes_;
  std::unique_ptr<Shard> shard_;
  std::vector<std::string> shards_;  // closed ones, in order: paths without an ending
  std::size_t synced_ = 0;           // of them, so many
  std::vector<WrittenTensor> written_;
  std::vector<std::pair<std::string, std::string>> elsewhere_;
  std::map<std::string, std::size_t> shard_of_;
  std::uint64_t total_bytes_ = 0;
  BackgroundQueue queue_{kWaitingBytes};  // writes to shard_; ends before it
};

}  // namespace msmodelslim
