#include "forward/backward.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "forward/scratch.h"
#include "kernels/grad/attention.h"
#include "kernels/grad/ops.h"
#include "kernels/ops.h"
#include "kernels/rope.h"

namespace msmodelslim {
namespace {

class Backward {
 public:
  Backward(const ModelSpec& model, Block& block, const BlockTrace& trace, std::int64_t rows,
           const Context& context, LinearGrad& grads, BackwardWorkspace& workspace)
      : model_(model),
        block_(block),
        trace_(trace),
        rows_(rows),
        context_(context),
        grads_(grads),
        ws_(workspace) {}

  void run(const float* in, const float* dout) {
    const bool attention = learn_any({&block_.q, &block_.k, &block_.v, &block_.o});
    const bool gate_up = learn_any({&block_.gate, &block_.up});
    weight(block_.down, trace_.product, dout);
    if (gate_up || attention) mlp(dout, attention);
    if (!attention) return;
    const float* dhidden = residual(in, dout);
    weight(block_.o, trace_.attention, dhidden);
    if (learn_any({&block_.q, &block_.k, &block_.v})) attend(dhidden);
  }

 private:
  bool learn_any(std::initializer_list<const Linear*> linears) const {
    return std::any_of(linears.begin(), linears.end(),
                       [&](const Linear* linear) { return grads_.learns(*linear); });
  }

  void weight(const Linear& linear, const std::vector<float>& x, const float* dy) {
    if (grads_.learns(linear)) grads_.weight_grad(linear, x.data(), dy, rows_);
  }

  // Of what the linear's online rotation reads, if it has one.
  void input_grad(Linear& linear, const float* dy, float* dx) {
    grads_.input_grad(linear, dy, rows_, false, dx);
    turn_gradient_back(linear.input_rotation(), linear.spec().in, dx);
  }

  void turn_gradient_back(const InputRotation& rotation, std::int64_t in, float* dx) {
    if (rotation.is_identity()) return;
    float* turned = sized(ws_.turned, rows_ * in);
    std::copy_n(dx, rows_ * in, turned);
    rotation.transposed().apply(turned, rows_, dx);
  }

  // down, silu * up, gate and up; `further`: the gradient of their input too, in ws.dmlp.
  void mlp(const float* dout, bool further) {
    const std::int64_t inner = block_.gate.spec().out;
    float* dup = sized(ws_.dup, rows_ * inner);
    float* dgate = sized(ws_.dgate, rows_ * inner);
    input_grad(block_.down, dout, dup);
    parallel_ranges(rows_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      silu_mul_grad(trace_.gate.data() + begin * inner, trace_.up.data() + begin * inner,
                    dup + begin * inner, dgate + begin * inner, dup + begin * inner,
                    (end - begin) * inner);
    });
    weight(block_.gate, trace_.mlp_normed, dgate);
    weight(block_.up, trace_.mlp_normed, dup);
    if (!further) return;
    float* dmlp = sized(ws_.dmlp, rows_ * model_.hidden);
    grads_.input_grad(block_.gate, dgate, rows_, false, dmlp);
    grads_.input_grad(block_.up, dup, rows_, true, dmlp);
    turn_gradient_back(block_.gate.input_rotation(), model_.hidden, dmlp);  // up has the same
  }

  // Through the second norm and the residual around it: the gradient of the hidden states between
  // attention and MLP.
  const float* residual(const float* in, const float* dout) {
    const std::int64_t width = model_.hidden;
    float* hidden = sized(ws_.hidden, rows_ * width);
    float* dhidden = sized(ws_.dhidden, rows_ * width);
    const Norm& norm = block_.post_attention_norm;
    parallel_ranges(rows_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t at = begin * width;
      const std::int64_t count = (end - begin) * width;
      std::copy_n(in + at, count, hidden + at);
      add_to(hidden + at, trace_.projected.data() + at, count);
      rms_norm_grad(hidden + at, norm.weight.data(), static_cast<float>(norm.spec.eps),
                    ws_.dmlp.data() + at, dhidden + at, end - begin, width);
      add_to(dhidden + at, dout + at, count);
    });
    return dhidden;
  }

  void attend(const float* dhidden) {
    const std::int64_t q_width = model_.heads * model_.head_dim;
    const std::int64_t kv_width = model_.kv_heads * model_.head_dim;
    float* dattention = sized(ws_.dattention, rows_ * q_width);
    input_grad(block_.o, dhidden, dattention);
    const float* attention = trace_.attention.data();
    if (!block_.o.input_rotation().is_identity()) {
      float* turned_back = sized(ws_.attention, rows_ * q_width);
      block_.o.input_rotation().inverse().apply(attention, rows_, turned_back);
      attention = turned_back;
    }
    const float* q = turned(trace_.q, block_.q_norm.get(), model_.heads, ws_.q);
    const float* k = turned(trace_.k, block_.k_norm.get(), model_.kv_heads, ws_.k);
    float* dq = sized(ws_.dq, rows_ * q_width);
    float* dk = sized(ws_.dk, rows_ * kv_width);
    float* dv = sized(ws_.dv, rows_ * kv_width);
    AttentionShape shape;
    shape.heads = model_.heads;
    shape.kv_heads = model_.kv_heads;
    shape.head_dim = model_.head_dim;
    shape.scale = 1.0F / std::sqrt(static_cast<float>(model_.head_dim));
    shape.window = block_.spec->window;
    for (const Sequence& s : context_.sequences) {
      shape.query_rows = shape.key_rows = s.rows;
      const std::int64_t at = s.begin * q_width;
      const std::int64_t kv = s.begin * kv_width;
      attention_grad(shape, q + at, k + kv, trace_.v.data() + kv, attention + at, dattention + at,
                     dq + at, dk + kv, dv + kv);
    }
    turn_back(trace_.q, block_.q_norm.get(), model_.heads, dq);
    turn_back(trace_.k, block_.k_norm.get(), model_.kv_heads, dk);
    weight(block_.q, trace_.normed, dq);
    weight(block_.k, trace_.normed, dk);
    weight(block_.v, trace_.normed, dv);
  }

  // body(begin, rows, position, rope) for pieces of every sample.
  template <typename Body>
  void for_each_piece(const Body& body) const {
    for (const Sequence& s : context_.sequences)
      parallel_ranges(s.rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
        body(s.begin + begin, end - begin, s.position + begin,
             context_.rope->of_length(s.reached()));
      });
  }

  // Queries or keys as the attention saw them: norm per head, then RoPE.
  const float* turned(const std::vector<float>& raw, const Norm* norm, std::int64_t heads,
                      RawVector<float>& buffer) const {
    const std::int64_t width = heads * model_.head_dim;
    float* out = sized(buffer, rows_ * width);
    for_each_piece([&](std::int64_t row, std::int64_t rows, std::int64_t position,
                       const RopeTable& rope) {
      const float* from = raw.data() + row * width;
      float* to = out + row * width;
      if (norm == nullptr)
        std::copy_n(from, rows * width, to);
      else
        rms_norm(from, norm->weight.data(), norm->bias_or_null(),
                 static_cast<float>(norm->spec.eps), to, rows * heads, norm->spec.size);
      const RopeLines lines = rope.before(position + rows);
      rotate_half(to, rows, heads, model_.head_dim, rope.half(), lines.cos, lines.sin, position);
    });
    return out;
  }

  // The gradient of `raw` from that of turned(), in place.
  void turn_back(const std::vector<float>& raw, const Norm* norm, std::int64_t heads,
                 float* d) const {
    const std::int64_t width = heads * model_.head_dim;
    for_each_piece([&](std::int64_t row, std::int64_t rows, std::int64_t position,
                       const RopeTable& rope) {
      float* at = d + row * width;
      const RopeLines lines = rope.before(position + rows);
      rotate_half_grad(at, rows, heads, model_.head_dim, rope.half(), lines.cos, lines.sin,
                       position);
      if (norm != nullptr)
        rms_norm_grad(raw.data() + row * width, norm->weight.data(),
                      static_cast<float>(norm->spec.eps), at, at, rows * heads, norm->spec.size);
    });
  }

  const ModelSpec& model_;
  Block& block_;
  const BlockTrace& trace_;
  std::int64_t rows_;
  const Context& context_;
  LinearGrad& grads_;
  BackwardWorkspace& ws_;
};

}  // namespace

void TraceOp::apply(Linear& linear, const float* x, std::int64_t rows,
                    const std::vector<Sequence>& sequences, float* y) {
  inner_.apply(linear, x, rows, sequences, y);
  const auto keep = [rows](std::vector<float>& to, const float* from, std::int64_t width) {
    to.assign(from, from + rows * width);
  };
  const LinearSpec& spec = linear.spec();
  switch (spec.role) {
    case Role::kQuery:
      keep(trace_.normed, x, spec.in);
      keep(trace_.q, y, spec.out);
      break;
    case Role::kKey:
      keep(trace_.k, y, spec.out);
      break;
    case Role::kValue:
      keep(trace_.v, y, spec.out);
      break;
    case Role::kAttentionOut:
      keep(trace_.attention, x, spec.in);
      keep(trace_.projected, y, spec.out);
      break;
    case Role::kGate:
      keep(trace_.mlp_normed, x, spec.in);
      keep(trace_.gate, y, spec.out);
      break;
    case Role::kUp:
      keep(trace_.up, y, spec.out);
      break;
    case Role::kDown:
      keep(trace_.product, x, spec.in);
      break;
    default:
      break;
  }
}

void run_block_backward(const ModelSpec& model, Block& block, const BlockTrace& trace,
                        const float* in, const float* dout, std::int64_t rows,
                        const Context& context, LinearGrad& grads, BackwardWorkspace& workspace) {
  Backward(model, block, trace, rows, context, grads, workspace).run(in, dout);
}

}  // namespace msmodelslim
