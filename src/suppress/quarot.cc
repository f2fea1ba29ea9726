#include "suppress/quarot.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "suppress/smooth_math.h"

namespace msmodelslim {
namespace {

// W <- W diag(norm), b += W norm.bias; the norm keeps nothing.
void fold_norm(Norm& norm, const std::vector<Linear*>& linears) {
  for (Linear* linear : linears) {
    if (!norm.bias.empty()) add_product(*linear, norm.bias);
    scale_columns(*linear, norm.weight);
  }
  std::fill(norm.weight.begin(), norm.weight.end(), 1.0F);
  norm.bias.clear();
}

// The two norms in front of a next-token layer's projections.
void fold_mtp_norms(Mtp& mtp) {
  if (mtp.hidden_projection) {
    fold_norm(mtp.embedding_norm, {&mtp.projection});
    fold_norm(mtp.hidden_norm, {mtp.hidden_projection.get()});
    return;
  }
  std::vector<float> both = mtp.embedding_norm.weight;
  both.insert(both.end(), mtp.hidden_norm.weight.begin(), mtp.hidden_norm.weight.end());
  scale_columns(mtp.projection, both);
  for (Norm* norm : {&mtp.embedding_norm, &mtp.hidden_norm})
    std::fill(norm->weight.begin(), norm->weight.end(), 1.0F);
}

// The linears that read what the first norm gives, of a block without latent attention.
std::vector<Linear*> input_readers(Block& block) {
  std::vector<Linear*> readers = {&block.q, &block.k, &block.v};
  if (block.head_gate) readers.push_back(block.head_gate.get());
  return readers;
}

// The linears that read what the second norm gives.
std::vector<Linear*> mlp_readers(Block& block) {
  std::vector<Linear*> readers;
  for (Linear* linear : block.mlp_linears())
    if (linear->spec().role != Role::kDown) readers.push_back(linear);
  if (block.moe && !block.moe->spec->router_is_linear) readers.push_back(&block.moe->router);
  return readers;
}

// Turns the weight the other way round, so that linear(turned x) stays what it was.
void absorb(Linear& linear, const InputRotation& rotation) {
  // W x = W (M M^T X N N^T): the rows of W are turned as x is.
  const LinearSpec& spec = linear.spec();
  float* weight = linear.mutable_weight();
  std::vector<float> rows(weight, weight + spec.out * spec.in);
  rotation.apply(rows.data(), spec.out, weight);
  linear.set_input_rotation(rotation);
}

InputRotation shortened(InputRotation rotation) {
  const auto drop_identity = [](std::vector<float>& matrix, std::int64_t side) {
    for (std::int64_t i = 0; i < side; ++i)
      for (std::int64_t j = 0; j < side; ++j)
        if (matrix[static_cast<std::size_t>(i * side + j)] != (i == j ? 1.0F : 0.0F)) return;
    matrix.clear();
  };
  if (!rotation.left.empty()) drop_identity(rotation.left, rotation.m);
  if (!rotation.right.empty()) drop_identity(rotation.right, rotation.n);
  return rotation;
}

// Blocks that do not fit into a head are replaced by one that is as large as the head.
Rotation value_rotation(const QuaRotConfig& config, std::int64_t head_dim) {
  const bool fits = config.block_size < 0 || head_dim % config.block_size == 0;
  if (!config.shifted_heads) return Rotation::hadamard(head_dim, fits ? config.block_size : -1);
  const std::int64_t block = config.block_size < 0 ? Rotation::kShiftedBlock : config.block_size;
  return Rotation::shifted(head_dim, head_dim % block == 0 ? block : head_dim);
}

// Blocks as large as the vector if the usual ones do not divide it.
Rotation latent_rotation(std::int64_t size) {
  const bool fits = size % Rotation::kShiftedBlock == 0;
  return Rotation::shifted(size, fits ? Rotation::kShiftedBlock : size);
}

// Rows [first, first + count) of what the linear gives.
void rotate_output_rows(Linear& linear, const Rotation& rotation, std::int64_t first,
                        std::int64_t count) {
  const std::int64_t width = linear.spec().in;
  rotation.rotate_columns(linear.mutable_weight() + first * width, count, width);
  if (!linear.bias().empty())
    rotation.rotate_columns(linear.mutable_bias().data() + first, count, 1);
}

bool fits_kernels(std::int64_t side) {
  return side == 1 || side == 2 || (side % 4 == 0 && side >= 4 && side <= 256);
}

}  // namespace

std::pair<std::int64_t, std::int64_t> kronecker_sides(std::int64_t size) {
  constexpr std::int64_t kLargestMiddle = 256;
  const auto root = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(size))));
  for (std::int64_t a = root; a <= kLargestMiddle; ++a) {
    const std::int64_t square = a * a - size;
    const auto b = std::llround(std::sqrt(static_cast<double>(square)));
    if (b * b == square && fits_kernels(a - b) && fits_kernels(a + b)) return {a - b, a + b};
  }
  throw UsageError(
      fmt::format("an intermediate size of {} is no product of two sizes that the online rotation "
                  "of down_proj can have",
                  size),
      "leave down_proj_online_layers empty");
}

QuaRot::QuaRot(const QuaRotConfig& config, const ModelSpec& model)
    : config_(config),
      residual_(config.residual ? Rotation::dense(*config.residual, model.hidden)
                                : Rotation::hadamard(model.hidden, config.block_size)),
      value_(value_rotation(config, model.head_dim)) {
  for (const BlockSpec& block : model.blocks)
    if (!block.can_rotate())
      throw UsageError(fmt::format("the stream of {} cannot be rotated: {} has norms behind its "
                                   "parts, norms with a mean, gates, fused linears or "
                                   "experts that give back what they read",
                                   model.architecture, block.name),
                       "drop quarot or adapt_rotation from the recipe");
  if (const auto& mla = model.blocks.front().mla) {
    if (mla->q_a) q_latent_ = latent_rotation(mla->q_a->out);
    kv_latent_ = Rotation::hadamard(mla->latent);
    if (config.online)
      throw UsageError("online rotations are for models without latent attention",
                       "set online: false");
  }
  if (const auto& entries = model.blocks.front().entries) {
    q_latent_ = latent_rotation(entries->q_a.out);
    if (config.online)
      throw UsageError("online rotations are for models with keys and values of heads",
                       "set online: false");
  }
  if (!config.online) return;
  for (const BlockSpec& block : model.blocks)
    if (block.heads != model.heads)
      throw UsageError(fmt::format("online rotations turn {} heads, {} has {}", model.heads,
                                   block.name, block.heads),
                       "set online: false");
  heads_ = InputRotation{model.heads,
                         model.head_dim,
                         Rotation::hadamard(model.heads, config.max_tp_size).matrix(),
                         {}};
  if (config.down_proj_online_layers.empty()) return;
  const auto layers = static_cast<std::int64_t>(model.blocks.size());
  if (*config.down_proj_online_layers.rbegin() >= layers)
    throw UsageError(fmt::format("down_proj_online_layers has {}, the model has layers 0 to {}",
                                 *config.down_proj_online_layers.rbegin(), layers - 1),
                     "correct the recipe");
  for (std::int64_t layer : config.down_proj_online_layers)
    if (model.blocks[static_cast<std::size_t>(layer)].moe)
      throw UsageError(fmt::format("down_proj_online_layers has {}, a layer of experts", layer),
                       "online rotations of down_proj are for dense layers");
  const std::int64_t first = *config.down_proj_online_layers.begin();
  const auto [m, n] = kronecker_sides(model.blocks[static_cast<std::size_t>(first)].down.in);
  kronecker_ = InputRotation{m, n, Rotation::hadamard(m, config.max_tp_size).matrix(),
                             Rotation::hadamard(n).matrix()};
}

void fold_norms(Block& block) {
  if (block.mla) {
    Mla& mla = *block.mla;
    fold_norm(block.input_norm, mla.input_readers());
    if (mla.q_a) fold_norm(*mla.q_a_norm, mla.query_readers());
    fold_norm(mla.kv_a_norm, {&mla.kv_b});
  } else if (block.entries) {
    fold_norm(block.input_norm, block.entries->input_readers());
    fold_norm(block.entries->q_a_norm, block.entries->query_readers());
  } else {
    fold_norm(block.input_norm, input_readers(block));
  }
  fold_norm(block.post_attention_norm, mlp_readers(block));
}

void QuaRot::rotate_embedding(float* x, std::int64_t rows) const {
  residual_.rotate_rows(x, rows, residual_.size());
}

void QuaRot::rotate_head(const std::vector<float>& norm, float* x, std::int64_t rows) const {
  const std::int64_t width = residual_.size();
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < width; ++j) x[r * width + j] *= norm[static_cast<std::size_t>(j)];
  residual_.rotate_rows(x, rows, width);
}

void QuaRot::rotate_attention(Block& block) const {
  if (block.mla) {
    rotate_latent(*block.mla);
    rotate_input(block.o, value_);
    return;
  }
  if (block.entries) {
    rotate_entries(block);
    return;
  }
  for (Linear* linear : input_readers(block)) rotate_input(*linear, residual_);
  rotate_output(block.v, value_);
  rotate_input(block.o, value_);
}

// Keys are values, and o reads what a linear made of them: the heads stay.
void QuaRot::rotate_entries(Block& block) const {
  EntryAttention& entries = *block.entries;
  for (Linear* reader : entries.input_readers()) rotate_input(*reader, residual_);
  rotate_output(entries.q_a, *q_latent_);
  for (Linear* reader : entries.query_readers()) rotate_input(*reader, *q_latent_);
  for (Hyper* hyper : {block.attention_hyper.get(), block.mlp_hyper.get()}) rotate_streams(*hyper);
}

void QuaRot::rotate_latent(Mla& mla) const {
  const MlaSpec& spec = *mla.spec;
  for (Linear* reader : mla.input_readers()) rotate_input(*reader, residual_);
  if (mla.q_a) {
    rotate_output(*mla.q_a, *q_latent_);
    for (Linear* reader : mla.query_readers()) rotate_input(*reader, *q_latent_);
  }
  rotate_output_rows(mla.kv_a, *kv_latent_, 0, spec.latent);
  rotate_input(mla.kv_b, *kv_latent_);
  const std::int64_t each = spec.nope + spec.value;
  for (std::int64_t first = spec.nope; first < spec.kv_b.out; first += each)
    rotate_output_rows(mla.kv_b, value_, first, spec.value);
}

// Its own embedding and head go with the model's.
void QuaRot::rotate_mtp(Mtp& mtp) const {
  fold_mtp_norms(mtp);
  for (Linear* linear : mtp.projections()) {
    rotate_input(*linear, residual_);
    rotate_output(*linear, residual_);
  }
  if (mtp.head_hyper) rotate_streams(*mtp.head_hyper);
}

void QuaRot::rotate_streams(Hyper& hyper) const {
  residual_.rotate_rows(hyper.fn.data(),
                        static_cast<std::int64_t>(hyper.base.size()) * hyper.spec.copies,
                        residual_.size());
}

void QuaRot::rotate(Block& block, std::int64_t index) const {
  fold_norms(block);
  rotate_attention(block);
  for (Linear* linear : mlp_readers(block)) rotate_input(*linear, residual_);
  rotate_output(block.o, residual_);
  for (Linear* linear : block.mlp_linears())
    if (linear->spec().role == Role::kDown) rotate_output(*linear, residual_);
  if (block.mtp) rotate_mtp(*block.mtp);
  if (heads_) absorb(block.o, shortened(*heads_));
  if (turns_down(index)) absorb(block.down, shortened(*kronecker_));
}

}  // namespace msmodelslim
