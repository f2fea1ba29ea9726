#pragma once
// What an unfinished run leaves beside its shards, so that the same command goes on where it was
// killed. Files in unfinished_folder() (base/output_folder.h):
//
//   journal.json                {"version": 1, "run": {part: hash}, "values": file, "state": {...}}
//   values-<n>.safetensors      F32 vectors, "<name>"
//
// journal.json is replaced as a whole when all it speaks of is safe on the disk.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/float_buffer.h"
#include "base/json.h"

namespace msmodelslim {

// Values that live on from block to block: hidden states.
struct NamedValues {
  std::string name;
  FloatBuffer* values;
};

class Journal {
 public:
  // `working`: the output folder at work. `run`: what the run depends on, a hash by name.
  // `pause`: seconds from one save to the next, at least; more when saving takes long.
  Journal(const std::string& working, Json run, double pause);

  // Whether an unfinished run like this one lies in the folder. UsageError when it is another one.
  bool found() const;
  // "next_block" of the last save.
  std::size_t next_block() const;
  // Of the last save. Fills `values`: each must have the size that was saved (DataError).
  Json read(const std::vector<NamedValues>& values);

  bool due() const;  // it is time to save
  // `step`: names the save, unlike the one before. `state` may take its time, it is part of saving.
  void save(std::int64_t step, const std::function<Json()>& state,
            const std::vector<NamedValues>& values);
  bool saved() const { return saved_; }  // by this run or the one before

 private:
  using Clock = std::chrono::steady_clock;
  std::string path(const std::string& file) const;

  std::string folder_;
  Json run_;
  double least_pause_;
  double pause_ = least_pause_;
  std::string values_file_;
  Clock::time_point last_ = Clock::now();
  bool saved_ = false;
};

// resume(), whose errors say that what an unfinished run left is damaged, and what to do.
void explain_damage(const std::function<void()>& resume);

// The error, which also says that what was done is kept in the folder `kept` and how to go on.
ResourceError with_kept(const ResourceError& error, const std::string& kept);

}  // namespace msmodelslim
