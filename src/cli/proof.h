#pragma once
// How good the result of `quant` is: the text it is scored on, what is printed, and advice where it
// is bad.

#include <optional>
#include <string>
#include <vector>

#include "advise/advice.h"
#include "cli/quant_args.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

// Sequences of the shipped held-out text for QuantJob::held_out. Their two forward passes take a
// tenth of the run's calibration at most; where that is too little for a figure there are none,
// which is logged, unless --max_kl asks for one.
std::vector<std::vector<std::int32_t>> held_out_sequences(const QuantArgs& args,
                                                          const ModelSpec& model,
                                                          const QuantJob& job);

struct Proof {
  double float_perplexity = 0;
  double perplexity = 0;
  MeanError kl;
  double top1_agreement = 0;
};

// Loads the folder in the runtime, scores it on the held-out text, lets a text go on, and prints
// both.
Proof full_proof(const std::string& folder, const std::string& float_folder);

// Prints the proof of a run, if it made one, and warns with advice when a block or the whole is
// bad.
void report_proof(const HeldOutProof& proof, const ModelSpec& model, bool quiet);

// Warns with advice that fits the run when the mean KL is bad.
void advise(const AdviceFacts& facts);

}  // namespace msmodelslim
