#include "forward/next_token.h"

#include <algorithm>

#include "forward/scratch.h"
#include "forward/steps.h"

namespace msmodelslim {

void enter_next_token(Mtp& mtp, const float* embedded, const float* hidden, std::int64_t rows,
                      Context& context, float* out, Workspace& ws) {
  const std::int64_t width = mtp.hidden_norm.spec.size;
  float* both = sized(ws.gathered, rows * 2 * width);
  float* normed = sized(ws.normed, rows * width);
  const auto put = [&](const Norm& norm, const float* x, std::int64_t at) {
    normalize(norm, x, normed, rows);
    for (std::int64_t r = 0; r < rows; ++r)
      std::copy_n(normed + r * width, width, both + r * 2 * width + at);
  };
  put(mtp.embedding_norm, embedded, 0);
  put(mtp.hidden_norm, hidden, width);
  apply(context, mtp.projection, both, rows, out, ws);
}

}  // namespace msmodelslim
