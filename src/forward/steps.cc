#include "forward/steps.h"

#include <algorithm>

#include "base/threads.h"
#include "forward/scratch.h"
#include "kernels/ops.h"

namespace msmodelslim {

void normalize(const Norm& norm, const float* x, float* out, std::int64_t rows) {
  const std::int64_t width = norm.spec.size;
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    rms_norm(x + begin * width, norm.weight.data(), norm.bias_or_null(),
             static_cast<float>(norm.spec.eps), out + begin * width, end - begin, width);
  });
}

bool wanted(const Context& context, const Linear& linear) {
  return context.linear_op->wants(linear) ||
         std::any_of(context.taps.begin(), context.taps.end(),
                     [&](const Tap* tap) { return tap->wants(linear); });
}

void show(Context& context, const Linear& linear, const float* x, std::int64_t rows) {
  for (Tap* tap : context.taps)
    if (tap->wants(linear)) tap->see(linear, x, rows, context.sequences);
}

const float* turned(const Linear& linear, const float* x, std::int64_t rows, Workspace& ws) {
  const InputRotation& rotation = linear.input_rotation();
  if (rotation.is_identity()) return x;
  float* out = sized(ws.turned, rows * linear.spec().in);
  rotation.apply(x, rows, out);
  return out;
}

void apply(Context& context, Linear& linear, const float* x, std::int64_t rows, float* y,
           Workspace& ws) {
  x = turned(linear, x, rows, ws);
  show(context, linear, x, rows);
  context.linear_op->apply(linear, x, rows, context.sequences, y);
}

float* gated(Linear& gate_proj, Linear& up_proj, const float* x, std::int64_t rows,
             Context& context, Workspace& ws) {
  const std::int64_t inner = gate_proj.spec().out;
  float* gate = sized(ws.gate, rows * inner);
  float* up = sized(ws.up, rows * inner);
  apply(context, gate_proj, x, rows, gate, ws);
  apply(context, up_proj, x, rows, up, ws);
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    silu_mul(gate + begin * inner, up + begin * inner, gate + begin * inner, (end - begin) * inner);
  });
  return gate;
}

void add_rows(float* accumulator, const float* x, std::int64_t rows, std::int64_t width) {
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    add_to(accumulator + begin * width, x + begin * width, (end - begin) * width);
  });
}

}  // namespace msmodelslim
