#pragma once
// The passes of samples through the float model beside the calibration pass: what processors of
// modelslim_v0 look at. A block is carried by the last processor that watches its stream; smoothing
// before it leaves the block's output as it is.

#include <map>

#include "forward/run.h"
#include "pipeline/journal.h"
#include "pipeline/processor.h"

namespace msmodelslim {

class FloatStreams {
 public:
  // Processors in recipe order; those of Stream::kQuantized are not looked at.
  void add(const Processor& processor);
  // Embeds what is needed; the longest sample. `anti` empty: the set for outlier suppression is
  // the calibration set. `passes` false: nothing will pass, only where the samples lie is known.
  std::int64_t start(const ModelSpec& model, const CheckpointReader& checkpoint,
                     const std::vector<std::vector<std::int32_t>>& calibration,
                     const std::vector<std::vector<std::int32_t>>& anti, const std::string& scratch,
                     bool passes);
  const std::vector<Sequence>& samples(const Processor& processor) const;
  // Between the processor's prepare() and finish().
  void pass(const Processor& processor, bool last_block, BlockState& state,
            const std::vector<Tap*>& taps, const RopeTable& rope, Workspace& workspace);
  std::int64_t tokens() const;
  std::vector<NamedValues> values();

 private:
  const ModelSpec* model_ = nullptr;
  std::map<Stream, const Processor*> last_;
  std::map<Stream, PackedStates> states_;
};

}  // namespace msmodelslim
