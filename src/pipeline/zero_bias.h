#pragma once
// Norms of a modelslim_v0 folder have a bias once anything was smoothed (except by m6), also where
// it is zero: its readers expect one.

#include "forward/block.h"

namespace msmodelslim {

inline void add_zero_bias(Norm& norm) {
  if (norm.bias.empty()) norm.bias.assign(norm.weight.size(), 0.0F);
}

inline void add_zero_biases(Block& block) {
  add_zero_bias(block.input_norm);
  add_zero_bias(block.post_attention_norm);
  if (block.q_norm) add_zero_bias(*block.q_norm);
  if (block.k_norm) add_zero_bias(*block.k_norm);
}

}  // namespace msmodelslim
