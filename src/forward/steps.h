#pragma once
// Steps that attention, the MLP and the experts of a block share.

#include "forward/run.h"

namespace msmodelslim {

void normalize(const Norm& norm, const float* x, float* out, std::int64_t rows);
// True when a tap or the linear operation must see the linear's input.
bool wanted(const Context& context, const Linear& linear);
// Shows it to the taps.
void show(Context& context, const Linear& linear, const float* x, std::int64_t rows);
// What the linear really reads.
const float* turned(const Linear& linear, const float* x, std::int64_t rows, Workspace& ws);
// The linear, with its taps.
void apply(Context& context, Linear& linear, const float* x, std::int64_t rows, float* y,
           Workspace& ws);
// The same of several linears with one input.
void apply_each(Context& context, const std::vector<LinearOp::Part>& parts, const float* x,
                std::int64_t rows, Workspace& ws);
// The activation of gate(x) and up(x): workspace.gate [rows, intermediate]. `limit`: see BlockSpec.
float* gated(Activation activation, double limit, Linear& gate, Linear& up, const float* x,
             std::int64_t rows, Context& context, Workspace& ws);
// The same of a dense block; gate and up may be one linear.
float* gated(const ModelSpec& model, Block& block, const float* x, std::int64_t rows,
             Context& context, Workspace& ws);
// Columns [first, first + width) of `from` [rows, stride] -> `to` [rows, width].
void take_columns(const float* from, std::int64_t rows, std::int64_t stride, std::int64_t first,
                  std::int64_t width, float* to);
void scale_rows(float* x, std::int64_t rows, std::int64_t width, double factor);
// out = a + b; out may be one of them.
void add_rows(const float* a, const float* b, std::int64_t rows, std::int64_t width, float* out);

}  // namespace msmodelslim
