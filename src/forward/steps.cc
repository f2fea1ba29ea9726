#include "forward/steps.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/threads.h"
#include "forward/scratch.h"
#include "kernels/ops.h"

namespace msmodelslim {

namespace {

// Takes the mean off every row.
void center(const float* x, std::int64_t rows, std::int64_t width, float* out) {
  for (std::int64_t r = 0; r < rows; ++r, x += width, out += width) {
    const double sum = std::accumulate(x, x + width, 0.0);
    const auto mean = static_cast<float>(sum / static_cast<double>(width));
    std::transform(x, x + width, out, [mean](float value) { return value - mean; });
  }
}

void gelu_erf_mul(const float* gate, const float* up, float* out, std::int64_t count) {
  const float root = 1 / std::numbers::sqrt2_v<float>;
  for (std::int64_t i = 0; i < count; ++i)
    out[i] = 0.5F * gate[i] * (1 + std::erf(root * gate[i])) * up[i];
}

void gelu_mul(const float* gate, const float* up, float* out, std::int64_t count) {
  const float root = std::sqrt(2.0F * std::numbers::inv_pi_v<float>);
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = gate[i];
    out[i] = 0.5F * x * (1 + std::tanh(root * (x + 0.044715F * x * x * x))) * up[i];
  }
}

void clamped_swish_mul(const float* gate, const float* up, float* out, std::int64_t count) {
  constexpr float kLimit = 7;
  for (std::int64_t i = 0; i < count; ++i) {
    const float g = std::min(gate[i], kLimit);
    const float u = std::clamp(up[i], -kLimit, kLimit);
    out[i] = g / (1 + std::exp(-1.702F * g)) * (u + 1);
  }
}

void limit_silu_mul(const float* gate, const float* up, float* out, std::int64_t count,
                    float limit) {
  for (std::int64_t i = 0; i < count; ++i)
    out[i] = std::min(gate[i] / (1 + std::exp(-gate[i])), limit) * std::clamp(up[i], -limit, limit);
}

void clamped_silu_mul(const float* gate, const float* up, float* out, std::int64_t count,
                      float limit) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float g = std::min(gate[i], limit);
    out[i] = g / (1 + std::exp(-g)) * std::clamp(up[i], -limit, limit);
  }
}

// `limit`: of kClampedSilu, or of kSilu, see BlockSpec.
void activate(Activation activation, double limit, float* gate, const float* up, std::int64_t rows,
              std::int64_t inner) {
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    float* at = gate + begin * inner;
    const std::int64_t count = (end - begin) * inner;
    if (limit > 0) {
      const auto make = activation == Activation::kClampedSilu ? clamped_silu_mul : limit_silu_mul;
      make(at, up + begin * inner, at, count, static_cast<float>(limit));
      return;
    }
    const auto make = activation == Activation::kSilu       ? silu_mul
                      : activation == Activation::kGelu     ? gelu_erf_mul
                      : activation == Activation::kGeluTanh ? gelu_mul
                                                            : clamped_swish_mul;
    make(at, up + begin * inner, at, count);
  });
}

}  // namespace

void normalize(const Norm& norm, const float* x, float* out, std::int64_t rows) {
  const std::int64_t width = norm.spec.size;
  if (!norm.exists()) {
    if (out != x) std::copy_n(x, rows * width, out);
    return;
  }
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    const float* from = x + begin * width;
    if (norm.spec.centered) {
      center(from, end - begin, width, out + begin * width);
      from = out + begin * width;
    }
    const auto eps = static_cast<float>(norm.spec.eps);
    if (norm.spec.heads == 1) {
      rms_norm(from, norm.weight.data(), norm.bias_or_null(), eps, out + begin * width, end - begin,
               width);
      return;
    }
    for (std::int64_t r = begin; r < end; ++r)
      rms_norm(from + (r - begin) * width, norm.weight.data() + r % norm.spec.heads * width,
               nullptr, eps, out + r * width, 1, width);
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

void apply_each(Context& context, const std::vector<LinearOp::Part>& parts, const float* x,
                std::int64_t rows, Workspace& ws) {
  const bool same_input = std::all_of(parts.begin(), parts.end(), [](const LinearOp::Part& part) {
    return part.linear->input_rotation().is_identity();
  });
  if (!same_input) {
    for (const auto& part : parts) apply(context, *part.linear, x, rows, part.y, ws);
    return;
  }
  for (const auto& part : parts) show(context, *part.linear, x, rows);
  context.linear_op->apply_each(parts, x, rows, context.sequences);
}

float* gated(Activation activation, double limit, Linear& gate_proj, Linear& up_proj,
             const float* x, std::int64_t rows, Context& context, Workspace& ws) {
  const std::int64_t inner = gate_proj.spec().out;
  float* gate = sized(ws.gate, rows * inner);
  float* up = sized(ws.up, rows * inner);
  apply_each(context, {{&gate_proj, gate}, {&up_proj, up}}, x, rows, ws);
  activate(activation, limit, gate, up, rows, inner);
  return gate;
}

float* gated(const ModelSpec& model, Block& block, const float* x, std::int64_t rows,
             Context& context, Workspace& ws) {
  const std::int64_t inner = block.down.spec().in;
  float* gate = sized(ws.gate, rows * inner);
  float* up = sized(ws.up, rows * inner);
  if (block.gate_up) {
    float* both = sized(ws.joined, rows * 2 * inner);
    apply(context, *block.gate_up, x, rows, both, ws);
    take_columns(both, rows, 2 * inner, 0, inner, gate);
    take_columns(both, rows, 2 * inner, inner, inner, up);
  } else if (!block.spec->is_gated()) {
    apply(context, block.up, x, rows, gate, ws);
    std::fill_n(up, rows * inner, 1.0F);
  } else {
    apply_each(context, {{&block.gate, gate}, {&block.up, up}}, x, rows, ws);
  }
  activate(model.activation, block.spec->limit, gate, up, rows, inner);
  return gate;
}

void take_columns(const float* from, std::int64_t rows, std::int64_t stride, std::int64_t first,
                  std::int64_t width, float* to) {
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      std::copy_n(from + r * stride + first, width, to + r * width);
  });
}

void scale_rows(float* x, std::int64_t rows, std::int64_t width, double factor) {
  const auto scale = static_cast<float>(factor);
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * width; i < end * width; ++i) x[i] *= scale;
  });
}

void add_rows(const float* a, const float* b, std::int64_t rows, std::int64_t width, float* out) {
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    add(a + begin * width, b + begin * width, out + begin * width, (end - begin) * width);
  });
}

}  // namespace msmodelslim
