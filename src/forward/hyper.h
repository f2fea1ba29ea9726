#pragma once
// Hyper-connections: rows of several streams; see HyperSpec.

#include "forward/run.h"

namespace msmodelslim {

// x [rows, stride], of which the first copies * width values of a row are the streams -> what a
// part of the block reads, `joined` [rows, width], and how the streams are mixed behind it,
// workspace.mixes.
void join_streams(const Hyper& hyper, const float* x, std::int64_t stride, std::int64_t width,
                  std::int64_t rows, float* joined, Workspace& ws);
// The streams behind the part, which has given `part` [rows, width], from those in front of it. `x`
// may equal `out`; both have the same stride.
void mix_streams(const Hyper& hyper, const float* x, std::int64_t stride, std::int64_t width,
                 std::int64_t rows, const float* part, float* out, const Workspace& ws);

}  // namespace msmodelslim
