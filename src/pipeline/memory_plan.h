#pragma once
// What a run will hold in memory at once, before it starts.
//
// Counted is private memory; pages of the mapped checkpoint come on top where there is room and go
// when there is not. The figures are made from shapes and the recipe alone; the largest of a kind
// is taken, so that they lie above what is used.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/quantize_model.h"

namespace msmodelslim {

struct MemoryItem {
  std::string name;
  std::uint64_t bytes = 0;
};

struct MemoryPlan {
  std::vector<MemoryItem> items;  // without the hidden states
  std::uint64_t states = 0;       // hidden states of all samples, which may lie in a scratch file
  std::uint64_t needed(bool spilled) const;
  // Some of the largest items, for messages: "activations 0.41 GB, ...".
  std::string largest() const;
};

MemoryPlan plan_memory(const QuantJob& job, const ModelSpec& model);

// Of jobs that go through each block one after the other: what a job holds from block to block adds
// up, of the rest the largest counts.
MemoryPlan plan_memory(const std::vector<QuantJob>& jobs, const ModelSpec& model);

// What the job gathers in the blocks for others, in the largest one and in all.
struct GatheredSize {
  std::uint64_t block = 0;
  std::uint64_t all = 0;
};
GatheredSize gathered_size(const QuantJob& job, const ModelSpec& model);

}  // namespace msmodelslim
