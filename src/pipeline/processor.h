#pragma once
// One recipe entry at work on one block.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/ranks.h"
#include "forward/run.h"
#include "pipeline/debug_info.h"
#include "pipeline/prior.h"
#include "pipeline/run_notes.h"
#include "quantize/kv_cache.h"
#include "quantize/latent_cache.h"
#include "quantize/linear_quantizer.h"
#include "recipe/plan.h"
#include "save/saver.h"

namespace msmodelslim {

// What the entries have made of the block so far.
struct BlockState {
  Block* block = nullptr;
  std::int64_t index = 0;
  const std::vector<Sequence>* samples = nullptr;                  // the calibration set
  std::map<std::string, std::unique_ptr<LinearQuantizer>> active;  // under calibration now
  std::map<std::string, QuantizedLinear> done;
  // Of linears in `done` that are quantized only when they are written, so that not all experts of
  // a block are in memory at once.
  std::map<std::string, std::function<QuantizedLinear()>> later;
  bool no_more_passes = false;                   // of the calibration set through the block
  std::map<std::string, std::int64_t> low_rank;  // rank of the branch that linear_quant has to add
  std::optional<KvCacheParams> kv_cache;         // the cache is int8 from here on
  bool attention_quantized = false;              // by fa3_quant
  std::optional<LatentScale> latent_cache;       // what attention reads of latent vectors
  std::vector<ModuleTensor> extras;              // what the entries leave besides linears and norms
  RunNotes* notes = nullptr;                     // for the report
};

// What lies before and behind the blocks.
struct ModelEnds {
  explicit ModelEnds(Norm norm) : final_norm(std::move(norm)) {}
  // Rewrites rows [rows, hidden] of the embedding or of the head, in this order.
  using Rewrite = std::function<void(float* x, std::int64_t rows)>;
  std::vector<Rewrite> embedding;
  std::vector<Rewrite> head;
  Norm final_norm;
  std::optional<Tensor> global_rotation;  // [hidden, hidden], for engines that ask for it
  bool rotates_norm = false;              // then the final norm is written as a rotated matrix too
  // States [rows, stream] as the rewritten embedding gives them.
  void rewrite_states(const ModelSpec& model, float* states, std::int64_t rows) const;
  // What joins the streams that the rewritten blocks give; null for models with one stream.
  std::shared_ptr<const Hyper> head_hyper(const ModelSpec& model,
                                          const CheckpointReader& checkpoint) const;
  Json metadata = Json::object();  // of the description
};

// Which pass over the blocks a processor looks at.
enum class Stream {
  kQuantized,  // of the calibration set, through the blocks as they are up to now
  kFloat,      // of the calibration set, through the float model
  kAnti        // the same of the set for outlier suppression
};

class Processor {
 public:
  virtual ~Processor() = default;
  // Once, before the first block.
  virtual void begin(ModelEnds&) {}
  virtual const char* name() const = 0;
  virtual bool needs_data() const = 0;
  virtual Stream stream() const { return Stream::kQuantized; }
  // True when the next block has to see the outputs of what finish() leaves, instead of those of
  // the pass that gathered the data.
  virtual bool runs_again() const { return false; }
  // Before the forward pass; returns who wants to look on.
  virtual std::vector<Tap*> prepare(BlockState& state) = 0;
  // True when this block's linears are learned: learn() comes between the forward pass and
  // finish().
  virtual bool learns() const { return false; }
  // True: the inputs that learn() gets are what the quantized blocks before made of the
  // calibration set; the outputs stay those of the pass that all others see.
  virtual bool learns_behind() const { return false; }
  // The block's inputs, and what it makes of them as it is now, of the whole calibration set.
  virtual void learn(BlockState&, const PackedStates& /*inputs*/, const PackedStates& /*outputs*/,
                     const RopeTable&) {}
  // After it (or at once, when no data is needed).
  virtual void finish(BlockState& state) = 0;
  // The only thing that may live on from block to block, or null.
  virtual std::mt19937* generator() { return nullptr; }
};

struct ProcessorContext {
  const ModelSpec* model = nullptr;
  std::string pedigree;
  std::vector<Glob> exclude;   // --exclude: kept float whatever the recipe says
  DebugInfo* debug = nullptr;  // --debug: where to record
  const PriorResult* prior = nullptr;
  bool excludes(const std::string& name) const;
  std::uint64_t seed = 42;  // of random choices
  Ranks* ranks = &lone_rank();
};

std::unique_ptr<Processor> make_processor(const Step& step, const Plan& plan,
                                          const ProcessorContext& context);

}  // namespace msmodelslim
