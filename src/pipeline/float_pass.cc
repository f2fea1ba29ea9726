#include "pipeline/float_pass.h"

#include <algorithm>

#include "base/interrupt.h"
#include "base/progress.h"

namespace msmodelslim {

void FloatPass::run(const std::vector<std::vector<std::int32_t>>& samples, const Begin& begin,
                    const End& end) const {
  PackedStates states = embed_samples(model, checkpoint, samples, scratch);
  std::int64_t longest = 1;
  for (const Sequence& s : states.sequences) longest = std::max(longest, s.rows);
  const RopeTable rope(model.rope, longest);
  Workspace workspace;
  const std::size_t decoders = model.decoders();
  Progress progress(title, static_cast<std::int64_t>(decoders), states.rows, quiet);
  for (std::size_t i = 0; i < decoders; ++i) {
    check_interrupted();
    progress.at(static_cast<std::int64_t>(i), "forward");
    Block block(model.blocks[i], checkpoint);
    const std::vector<Tap*> taps = begin(block, states.sequences);
    FloatLinearOp op(model.dtype);
    run_block_on(model, block, states, i + 1 < decoders, rope, op, taps, workspace);
    end();
    for (Linear* linear : block.linears()) checkpoint.dont_need(linear->name() + ".weight");
  }
}

}  // namespace msmodelslim
