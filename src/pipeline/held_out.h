#pragma once
// The quick proof: held-out token sequences ride through the walk twice, as the float model and as
// the quantized one computes them. What a block has become is compared where it is made; nothing
// is loaded again.
//   block error  ||g - h|| / ||h||, h: the float block's output, g: the quantized one's, each
//                behind the blocks of its own model; of a rotated model h is rotated first

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "forward/run.h"
#include "kernels/prediction_scores.h"
#include "pipeline/journal.h"
#include "pipeline/processor.h"

namespace msmodelslim {

// A prediction that the quantized model makes quite otherwise.
struct WorstPrediction {
  std::int64_t sequence = 0;
  std::int64_t position = 0;  // of the predicted token in it
  double kl = 0;
  double float_probability = 0;  // of the token that came
  double probability = 0;
};

struct HeldOutProof {
  std::int64_t sequences = 0;
  std::int64_t tokens = 0;
  double float_perplexity = 0;
  double perplexity = 0;
  MeanError kl;
  double top1_agreement = 0;           // 0..1
  std::vector<double> block_errors;    // in the order of the blocks
  std::vector<WorstPrediction> worst;  // by falling KL, kWorst at most
};

class HeldOutStreams {
 public:
  static constexpr std::int64_t kLogitRows = 128;  // so many rows of logits are held at once
  static constexpr std::size_t kWorst = 12;

  // Each of `sequences` has two tokens at least. `ends`: its rewrites of the embedding are those
  // of the quantized model. `scratch`: see FloatBuffer.
  HeldOutStreams(const ModelSpec& model, const CheckpointReader& checkpoint,
                 std::vector<std::vector<std::int32_t>> sequences, const ModelEnds& ends,
                 const std::string& scratch);
  // Runs a block as the checkpoint has it, and as `state` leaves it.
  void run(BlockState& state);
  // `quantized`: the head of the quantized model.
  HeldOutProof finish(Head& quantized);
  // What run() has made so far.
  std::vector<NamedValues> values();
  std::vector<double>& block_errors() { return errors_; }

 private:
  double block_error() const;

  const ModelSpec& model_;
  const CheckpointReader& checkpoint_;
  std::vector<std::vector<std::int32_t>> sequences_;
  const ModelEnds& ends_;
  PackedStates float_states_;
  PackedStates states_;
  RopeTable rope_;
  Workspace workspace_;
  std::vector<double> errors_;
};

}  // namespace msmodelslim
