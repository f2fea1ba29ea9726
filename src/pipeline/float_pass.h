#pragma once
// One pass of samples through the decoders of the float model, for whoever measures on it before
// the recipe itself runs.

#include <functional>
#include <string>
#include <vector>

#include "forward/run.h"

namespace msmodelslim {

struct FloatPass {
  const ModelSpec& model;
  const CheckpointReader& checkpoint;
  const char* title;  // of the progress lines
  bool quiet = false;
  std::string scratch = {};  // see FloatBuffer

  // Before each block runs: may rewrite it, as long as its output stays, and gives who looks on.
  // `samples`: how they lie in the rows.
  using Begin = std::function<std::vector<Tap*>(Block&, const std::vector<Sequence>& samples)>;
  using End = std::function<void()>;
  // Behind the last block nothing is computed that no tap wants.
  void run(const std::vector<std::vector<std::int32_t>>& samples, const Begin& begin,
           const End& end) const;
};

}  // namespace msmodelslim
