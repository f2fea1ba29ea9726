#pragma once
// Writes a quantized folder tensor by tensor: weights, and what tells engines how to read them.
// One subclass per format; float tensors are the same in all of them.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/shard_writer.h"
#include "forward/block.h"
#include "quantize/quantized_linear.h"

namespace msmodelslim {

// A tensor that belongs to a module but is none of a linear's own: a KV cache scale, a rotation.
// It is written behind the module's own tensors, or before them.
struct ModuleTensor {
  std::string module;  // "model.layers.0.self_attn.k_proj"
  std::string name;    // of the tensor, whole
  Tensor tensor;
  std::optional<LinearType> type;  // as the description names it; absent: no entry
  bool before = false;
  std::string says = {};  // no tensor: an entry of the description with this text
};

class Saver {
 public:
  Saver(std::string folder, const std::string& stem, std::uint64_t part_bytes)
      : folder_(std::move(folder)), writer_(folder_, stem, part_bytes) {}
  virtual ~Saver() = default;
  Saver(const Saver&) = delete;
  Saver& operator=(const Saver&) = delete;

  void write(QuantizedLinear linear) { put_linear(std::move(linear)); }
  // A float linear or norm: the checkpoint's bytes, or the rewritten values in the source's dtype.
  void write(Linear& linear);
  void write(const Norm& norm, DType dtype) { put_norm(norm, dtype); }
  void write(const ModuleTensor& extra) { put_extra(extra); }
  void write_float(const std::string& name, const TensorView& view) {
    put(name, view, LinearType::kFloat);
  }

  // A tensor that belongs to no module we know: as it is in the source.
  void copy(const std::string& name, const TensorView& view) {
    copied_.insert(name);
    put(name, view, LinearType::kFloat);
  }

  // A float linear whose weight is another than the checkpoint's, without a bias.
  void write_linear(const std::string& linear, const TensorView& weight);

  // The rotation of the residual stream [hidden, hidden], and what the format's `metadata` says
  // about rotations: formats without a place for them leave them out.
  virtual void write_global_rotation(const Tensor&) {}
  // The final norm turned by it [hidden, hidden], where engines look for one.
  virtual void write_norm_rotation(const Tensor&) {}
  virtual void set_metadata(const Json&) {}

  // What was written so far, made to survive a power cut: for resume() of a new saver of the same
  // folder and options.
  Json state();
  void resume(const Json& state);

  // Closes the weight files and writes the description or configuration (last). Call once.
  virtual void finish() = 0;
  // Reads the finished folder back; what an engine would stumble over, empty when it is sound.
  virtual std::vector<std::string> problems(const ModelSpec& model,
                                            bool allow_mixed_groups) const = 0;

  const std::vector<WrittenTensor>& written() const { return writer_.written(); }
  std::uint64_t total_bytes() const { return writer_.total_bytes(); }
  double write_wait_seconds() const { return writer_.waited_seconds(); }
  Hash128 tensors_hash() const;  // over the texts of the hashes of all tensors, in order

 protected:
  virtual void put_linear(QuantizedLinear linear) = 0;
  virtual void put_extra(const ModuleTensor& extra) = 0;
  void put(const std::string& name, const TensorView& view, LinearType type);
  void put(const std::string& name, Tensor tensor, LinearType type);
  // A tensor that the format's description leaves out.
  void put_unnamed(const std::string& name, const TensorView& view);
  virtual void saw_tensor(const std::string& /*name*/, LinearType /*type*/) {}
  virtual void put_norm(const Norm& norm, DType dtype);
  virtual void saw_float_linear(const std::string&) {}
  // Of the format itself, for state() and resume().
  virtual Json format_state() const = 0;
  virtual void resume_format(const Json& state) = 0;
  // Writes a FlatQuant transform behind the last `tensors` tensors, which are those of its linear.
  // Formats without a place for it are refused before any work.
  virtual void put_transform(const std::string& /*linear*/, const InputRotation& /*transform*/,
                             std::size_t /*tensors*/) {}
  const std::string& folder() const { return folder_; }
  const std::set<std::string>& copied() const { return copied_; }
  void finish_weights() { writer_.finish(); }
  void note_elsewhere(const std::string& name, const std::string& file) {
    writer_.note_elsewhere(name, file);
  }

 private:
  std::string folder_;
  std::set<std::string> copied_;
  ShardWriter writer_;
};

}  // namespace msmodelslim
