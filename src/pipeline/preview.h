#pragma once
// What a run will make of every tensor, and what it needs, before it starts.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/quantize_model.h"

namespace msmodelslim {

struct PlannedTensor {
  std::string name;
  std::string role;  // of a linear: "q", "down", "head" ...; else "" (norms, embedding ...)
  Shape shape;
  std::string from;  // dtype, or what the file holds instead of values
  std::string to;    // type, as the description names it
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;  // with its scales
};

// In the order of the files. Sizes leave out what is small or found on the way: biases that
// smoothing adds, rotations, low-rank branches.
std::vector<PlannedTensor> preview(const QuantJob& job, const ModelSpec& model,
                                   const CheckpointReader& checkpoint);

// Bytes of the output folder's weights, by preview().
std::uint64_t planned_bytes(const std::vector<PlannedTensor>& tensors);

}  // namespace msmodelslim
