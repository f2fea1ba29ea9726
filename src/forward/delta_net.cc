#include "forward/delta_net.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "forward/scratch.h"
#include "forward/steps.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
float softplus(float x) { return x > 20 ? x : std::log1p(std::exp(x)); }

// x / |x| * factor
void unit(const float* x, std::int64_t count, float factor, float* out) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * x[i];
  const float scale = factor / std::sqrt(static_cast<float>(sum) + 1e-6F);
  for (std::int64_t i = 0; i < count; ++i) out[i] = x[i] * scale;
}

class DeltaNet {
 public:
  DeltaNet(Block& block, std::int64_t rows, Context& context, Workspace& ws)
      : block_(block),
        delta_(*block.delta),
        spec_(*block.delta->spec),
        rows_(rows),
        context_(context),
        ws_(ws) {}

  void run(const float* normed) {
    mixed_ = sized(ws_.delta_mixed, rows_ * spec_.conv_width());
    z_ = sized(ws_.delta_z, rows_ * spec_.value_width());
    beta_ = sized(ws_.delta_ba, 2 * rows_ * spec_.value_heads);
    decay_ = beta_ + rows_ * spec_.value_heads;
    out_ = sized(ws_.attention, rows_ * spec_.value_width());
    if (spec_.grouped())
      project_groups(normed);
    else
      project(normed);
    gates();
    for (std::size_t i = 0; i < context_.sequences.size(); ++i) {
      DeltaState fresh;
      DeltaState& state =
          context_.cache == nullptr ? fresh : context_.cache->state(block_, i).delta;
      convolve(context_.sequences[i], state);
      recur(context_.sequences[i], state);
    }
    finish();
  }

 private:
  void project(const float* normed) {
    float* results[] = {mixed_, z_, beta_, decay_};
    for (std::size_t i = 0; i < delta_.inputs.size(); ++i)
      apply(context_, delta_.inputs[i], normed, rows_, results[i], ws_);
  }

  // A key head's group: q, k, its v heads, their z; and its b, its a.
  void project_groups(const float* normed) {
    const std::int64_t values = spec_.value_width() / spec_.key_heads;
    const std::int64_t heads = spec_.value_heads / spec_.key_heads;
    const std::int64_t group = 2 * (spec_.key_dim + values);
    float* in = sized(ws_.delta_in, rows_ * spec_.key_heads * group);
    apply(context_, delta_.inputs[0], normed, rows_, in, ws_);
    parallel_ranges(rows_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        for (std::int64_t g = 0; g < spec_.key_heads; ++g) {
          const float* from = in + (r * spec_.key_heads + g) * group;
          float* row = mixed_ + r * spec_.conv_width();
          std::copy_n(from, spec_.key_dim, row + g * spec_.key_dim);
          from += spec_.key_dim;
          std::copy_n(from, spec_.key_dim, row + spec_.key_width() + g * spec_.key_dim);
          from += spec_.key_dim;
          std::copy_n(from, values, row + 2 * spec_.key_width() + g * values);
          std::copy_n(from + values, values, z_ + r * spec_.value_width() + g * values);
        }
    });
    float* gates = sized(ws_.delta_in, rows_ * 2 * spec_.value_heads);
    apply(context_, delta_.inputs[1], normed, rows_, gates, ws_);
    for (std::int64_t i = 0; i < rows_ * spec_.key_heads; ++i) {
      std::copy_n(gates + 2 * i * heads, heads, beta_ + i * heads);
      std::copy_n(gates + (2 * i + 1) * heads, heads, decay_ + i * heads);
    }
  }

  void gates() {
    for (std::int64_t i = 0; i < rows_ * spec_.value_heads; ++i) {
      const auto head = static_cast<std::size_t>(i % spec_.value_heads);
      beta_[i] = sigmoid(beta_[i]);
      decay_[i] =
          std::exp(-std::exp(delta_.a_log[head]) * softplus(decay_[i] + delta_.dt_bias[head]));
    }
  }

  // In place; the state keeps the last inputs.
  void convolve(const Sequence& s, DeltaState& state) {
    const std::int64_t width = spec_.conv_width();
    const std::int64_t past = spec_.kernel - 1;
    state.inputs.resize(static_cast<std::size_t>(past * width));
    float* in = sized(ws_.delta_in, (past + s.rows) * width);
    std::copy_n(state.inputs.data(), past * width, in);
    float* out = mixed_ + s.begin * width;
    std::copy_n(out, s.rows * width, in + past * width);
    std::copy_n(in + s.rows * width, past * width, state.inputs.data());
    parallel_ranges(s.rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        for (std::int64_t c = 0; c < width; ++c) {
          float sum = 0;
          for (std::int64_t t = 0; t < spec_.kernel; ++t)
            sum += delta_.conv[static_cast<std::size_t>(c * spec_.kernel + t)] *
                   in[(r + t) * width + c];
          out[r * width + c] = sum * sigmoid(sum);
        }
    });
  }

  // Every value head for itself.
  void recur(const Sequence& s, DeltaState& state) {
    const std::int64_t kd = spec_.key_dim;
    const std::int64_t vd = spec_.value_dim;
    const std::int64_t shared = spec_.value_heads / spec_.key_heads;
    state.memory.resize(static_cast<std::size_t>(spec_.value_heads * kd * vd));
    const float scale = 1 / std::sqrt(static_cast<float>(kd));
    parallel_for(spec_.value_heads, [&](std::int64_t h) {
      float* memory = state.memory.data() + h * kd * vd;
      std::vector<float> buffer(static_cast<std::size_t>(2 * kd + vd));
      float* q = buffer.data();
      float* k = q + kd;
      float* change = k + kd;
      for (std::int64_t r = s.begin; r < s.begin + s.rows; ++r) {
        const float* row = mixed_ + r * spec_.conv_width();
        unit(row + h / shared * kd, kd, scale, q);
        unit(row + spec_.key_width() + h / shared * kd, kd, 1, k);
        const float* v = row + 2 * spec_.key_width() + h * vd;
        const float decay = decay_[r * spec_.value_heads + h];
        std::fill_n(change, vd, 0.0F);
        for (std::int64_t i = 0; i < kd; ++i)
          for (std::int64_t j = 0; j < vd; ++j) {
            memory[i * vd + j] *= decay;
            change[j] += memory[i * vd + j] * k[i];
          }
        const float beta = beta_[r * spec_.value_heads + h];
        for (std::int64_t j = 0; j < vd; ++j) change[j] = (v[j] - change[j]) * beta;
        float* out = out_ + r * spec_.value_width() + h * vd;
        std::fill_n(out, vd, 0.0F);
        for (std::int64_t i = 0; i < kd; ++i)
          for (std::int64_t j = 0; j < vd; ++j) {
            memory[i * vd + j] += k[i] * change[j];
            out[j] += memory[i * vd + j] * q[i];
          }
      }
    });
  }

  void finish() {
    normalize(delta_.norm, out_, out_, rows_ * spec_.value_heads);
    const std::int64_t width = spec_.value_width();
    parallel_ranges(rows_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      silu_mul(z_ + begin * width, out_ + begin * width, out_ + begin * width,
               (end - begin) * width);
    });
  }

  Block& block_;
  Delta& delta_;
  const DeltaSpec& spec_;
  std::int64_t rows_;
  Context& context_;
  Workspace& ws_;
  float* mixed_ = nullptr;  // [rows, conv_width]
  float* z_ = nullptr;      // [rows, value_width]
  float* beta_ = nullptr;   // [rows, value_heads]
  float* decay_ = nullptr;  // the same
  float* out_ = nullptr;    // [rows, value_width]
};

}  // namespace

void run_delta_net(Block& block, const float* normed, std::int64_t rows, Context& context,
                   Workspace& ws) {
  DeltaNet(block, rows, context, ws).run(normed);
}

}  // namespace msmodelslim
