#pragma once
// FlatQuant's training (Sun et al., arXiv 2410.09426; reference: quantizers 14): learns the
// transforms of a block's pairs from the error that the block makes when all of their linears are
// W4A4.
//
//   L = sum (block(x; int4) - block(x))^2 / count,  AdamW on L divided by its own value
//   rate 1e-3 (clip factors 1e-2), warmed up over 16 steps, then a cosine (adamw.h)
//   10 epochs of batches of 4 samples
// What we do differently: linears outside of the pairs stay as they are while learning; a last
// batch takes the samples that are left, so that fewer than 4 are used too; the samples of a batch
// may have different lengths; the block is kept as it was after the best epoch, which may be the
// start.

#include <map>
#include <random>
#include <string>
#include <vector>

#include "quantize/flat_pair.h"
#include "quantize/learning_pass.h"

namespace msmodelslim {

inline constexpr int kFlatEpochs = 10;

struct FlatQuantJob {
  BlockData data;
  const std::vector<FlatPair>* pairs = nullptr;
  const std::map<std::string, QuantizedLinear>* done = nullptr;  // linears already quantized
};

struct FlatQuantResult {
  std::vector<double> losses;  // of the start and after each epoch, all samples
  int best = 0;
  std::vector<FlatTransform> transforms;  // of the best
};

FlatQuantResult learn_transforms(const FlatQuantJob& job, std::mt19937& generator);

}  // namespace msmodelslim
