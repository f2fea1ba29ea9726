#pragma once
// The one decoder block of the program, and the two ends of the model.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/float_buffer.h"
#include "base/raw_vector.h"
#include "forward/context.h"

namespace msmodelslim {

// Buffers that are kept between calls.
struct Workspace {
  RawVector<float> normed, q, k, v, attention, hidden, part, gate, up, turned, cached_k, cached_v;
  RawVector<float> router, gathered, expert;                  // of the experts
  RawVector<float> latent, joined, expanded, keys;            // of latent attention, fused linears
  RawVector<float> index_q, index_k, index_w, chosen;         // of indexers
  RawVector<float> stream, carried;                           // of shortcuts, hyper-connections
  RawVector<float> streams, mixes;                            // of hyper-connections
  RawVector<float> entries;                                   // of compressors
  std::vector<std::int32_t> ids;                              // tokens of the rows
  RawVector<float> delta_in, delta_mixed, delta_z, delta_ba;  // of delta nets
};

// One pass of `in` [rows, model.stream] through the block; `in` may equal `out`. `out` null: nobody
// needs the result, only taps look; what no tap wants is not computed.
void run_block(const ModelSpec& model, Block& block, const float* in, float* out, std::int64_t rows,
               Context& context, Workspace& workspace);

// The attention module alone, output projection included: `normed` [rows, hidden], what it reads,
// -> `out` [rows, hidden].
void run_attention(const ModelSpec& model, Block& block, const float* normed, float* out,
                   std::int64_t rows, Context& context, Workspace& workspace);
// The MLP alone, of a block without experts.
void run_mlp(const ModelSpec& model, Block& block, const float* normed, float* out,
             std::int64_t rows, Context& context, Workspace& workspace);

// Rows of the embedding, fp32 [ids, hidden]. Throws DataError for an id outside the vocabulary.
void embed(const ModelSpec& model, const CheckpointReader& checkpoint,
           std::span<const std::int32_t> ids, float* out);
// The same as the first block reads them, [ids, model.stream].
void embed_stream(const ModelSpec& model, const CheckpointReader& checkpoint,
                  std::span<const std::int32_t> ids, float* out);

// Final norm and head: logits [rows, vocab].
class Head {
 public:
  Head(const ModelSpec& model, const CheckpointReader& checkpoint);
  // `states` [rows, model.stream]; `normed` [rows, hidden] receives the final norm's output.
  void run(const float* states, std::int64_t rows, LinearOp& op, float* normed, float* logits);
  // The same as a float product, without an fp32 copy of the whole weight.
  void run_in_tiles(const float* states, std::int64_t rows, DType compute, float* normed,
                    float* logits);
  // The final norm alone.
  void normalize(const float* states, std::int64_t rows, float* normed) const;
  Linear& linear() { return linear_; }
  Norm& norm() { return norm_; }
  // Another way from several streams to one.
  void set_hyper(std::shared_ptr<const Hyper> hyper) { hyper_ = std::move(hyper); }

 private:
  Norm norm_;
  Linear linear_;
  void shape_logits(float* logits, std::int64_t rows) const;
  std::int64_t stream_;
  std::shared_ptr<const Hyper> hyper_;  // of several streams
  double scale_;                        // of the logits
  double cap_;
};

inline constexpr std::int64_t kChunkRows = 2048;

// A calibration set as one packed matrix of hidden states, cut into chunks of whole samples.
struct PackedStates {
  std::vector<Sequence> sequences;  // in the matrix
  std::int64_t rows = 0;
  std::int64_t width = 0;                // the model's stream
  std::int64_t chunk_rows = kChunkRows;  // of a chunk, about, at most
  FloatBuffer values;                    // [rows, width]
  std::vector<ChosenTokens> chosen;      // by sequence, of models where blocks share a choice
};

// `scratch`: see FloatBuffer.
PackedStates embed_samples(const ModelSpec& model, const CheckpointReader& checkpoint,
                           const std::vector<std::vector<std::int32_t>>& samples,
                           const std::string& scratch = "");

// Cuts samples that lie one after the other into chunks of at most about `chunk_rows` rows and
// calls body(first row, rows, context with the chunk's sequences) for each.
void for_each_chunk(const std::vector<Sequence>& samples, std::int64_t chunk_rows,
                    const std::function<void(std::int64_t, std::int64_t, Context&)>& body);

// Runs every chunk through the block.
// `update`: the states become the outputs; otherwise they stay. `kv_op` and `completion`
// may be null.
void run_block_on(const ModelSpec& model, Block& block, PackedStates& states, bool update,
                  const RopeTable& rope, LinearOp& op, const std::vector<Tap*>& taps,
                  Workspace& workspace, KvOp* kv_op = nullptr,
                  const ExpertCompletion* completion = nullptr);

}  // namespace msmodelslim
