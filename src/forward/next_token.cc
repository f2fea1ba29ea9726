#include "forward/next_token.h"

#include <algorithm>

#include "forward/scratch.h"
#include "forward/steps.h"

namespace msmodelslim {
namespace {

void enter_joined(Mtp& mtp, const float* embedded, const float* hidden, std::int64_t rows,
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

// The streams of a row are rows of the hidden projection.
void enter_streams(Mtp& mtp, const float* embedded, const float* hidden, std::int64_t stride,
                   std::int64_t rows, Context& context, float* out, Workspace& ws) {
  const std::int64_t width = mtp.hidden_norm.spec.size;
  const std::int64_t copies = mtp.head_hyper->spec.copies;
  float* normed = sized(ws.normed, rows * copies * width);
  float* token = sized(ws.part, rows * width);
  take_columns(embedded, rows, stride, 0, width, normed);
  normalize(mtp.embedding_norm, normed, normed, rows);
  apply(context, mtp.projection, normed, rows, token, ws);
  take_columns(hidden, rows, stride, 0, copies * width, normed);
  normalize(mtp.hidden_norm, normed, normed, rows * copies);
  float* streams = sized(ws.streams, rows * copies * width);
  Context of_streams = context;
  for (Sequence& s : of_streams.sequences) s = {s.begin * copies, s.rows * copies};
  apply(of_streams, *mtp.hidden_projection, normed, rows * copies, streams, ws);
  for (std::int64_t r = 0; r < rows; ++r) {
    float* to = out + r * stride;
    for (std::int64_t copy = 0; copy < copies; ++copy)
      add_rows(streams + (r * copies + copy) * width, token + r * width, 1, width,
               to + copy * width);
    to[stride - 1] = embedded[(r + 1) * stride - 1];  // the token's number
  }
}

}  // namespace

void enter_next_token(Mtp& mtp, const float* embedded, const float* hidden, std::int64_t stride,
                      std::int64_t rows, Context& context, float* out, Workspace& ws) {
  if (mtp.hidden_projection)
    enter_streams(mtp, embedded, hidden, stride, rows, context, out, ws);
  else
    enter_joined(mtp, embedded, hidden, rows, context, out, ws);
}

}  // namespace msmodelslim
