#pragma once
// Weight work on a block, shared out over ranks by linear: each linear is quantized by one rank,
// and the others get what it made.

#include <map>
#include <string>
#include <vector>

#include "pipeline/processor.h"
#include "pipeline/weight_error.h"

namespace msmodelslim {

// finish() of the named quantizers of `state.active`, whose results go to `state.done` on every
// rank. Those that solve with a Hessian are shared out, linears with one Hessian to one rank.
// Collective.
void finish_shared(const std::vector<std::string>& names, BlockState& state, Ranks& ranks);

// Of the linears in `state.later`, which rank 0 writes one after the other.
class LaterLinears {
 public:
  struct Made {
    QuantizedLinear linear;
    std::optional<WeightError> error;  // when it was to be measured
  };
  LaterLinears(BlockState& state, Ranks& ranks, bool measure);
  // Every rank but 0: makes its linears and sends them.
  void serve();
  // Rank 0, each linear once, in any order.
  Made take(Linear& linear);

 private:
  Made make(Linear& linear) const;

  BlockState& state_;
  Ranks& ranks_;
  bool measure_;
  std::map<std::string, int> owners_;
  std::map<std::string, Bytes> early_;  // that came before they were asked for
};

}  // namespace msmodelslim
