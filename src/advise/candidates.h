#pragma once
// What quantizing one part of the model alone does to what the whole model says.
//
// In front of block l lie the float hidden states F and, for every candidate of an earlier block,
// the states C of the model in which only its linears are quantized. A candidate of block l is run
// from F; then the float block takes F and all C to block l + 1. Behind the last block:
//   MSE  mean over samples of mean (F - C)^2
//   KL   mean over predictions of sum_v p(v) (log p(v) - log q(v)),  p from F, q from C
// Samples, and where that is not enough candidates, go through in portions that fit kMostBytes.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "advise/model_walk.h"
#include "base/statistics.h"
#include "recipe/plan.h"

namespace msmodelslim {

struct Candidate {
  std::size_t block = 0;  // one of ModelSpec::decoders()
  std::set<std::string> linears;
  const LinearQuantStep* step = nullptr;  // how they are quantized; its filter is not read
};

struct CandidateLoss {
  double mse = 0;
  MeanError kl;  // where it was asked for
};

// Candidates in the order of their blocks; the result is in their order.
std::vector<CandidateLoss> measure_candidates(ModelWalk& walk,
                                              const std::vector<std::vector<std::int32_t>>& samples,
                                              const std::vector<Candidate>& candidates,
                                              bool with_kl, bool quiet);

// Linears that go together: those that engines fuse, and all experts' of one role.
// ["model.layers.0.self_attn.qkv_proj", "model.layers.0.mlp.experts.*.down_proj"], each with its
// linears, in the order of the block.
struct LinearSet {
  std::string name;
  std::vector<const LinearSpec*> linears;
};
std::vector<LinearSet> linear_sets(const BlockSpec& block);

}  // namespace msmodelslim
