#include "pipeline/block_writer.h"

#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"

namespace msmodelslim {
namespace {

class Writer {
 public:
  Writer(BlockState& state, DType dtype, Saver& saver, QuantSummary& summary)
      : state_(state), dtype_(dtype), saver_(saver), summary_(summary) {}

  void write() {
    Block& block = *state_.block;
    for (Linear* linear : block.attention_linears()) write(*linear);
    if (block.q_norm) saver_.write(*block.q_norm, dtype_);
    if (block.k_norm) saver_.write(*block.k_norm, dtype_);
    extras(block.spec->attention_name());
    if (block.moe)
      write(*block.moe);
    else
      for (Linear* linear : block.mlp_linears()) write(*linear);
    saver_.write(block.input_norm, dtype_);
    saver_.write(block.post_attention_norm, dtype_);
    summary_.kv_caches += state_.kv_cache ? 1 : 0;
  }

 private:
  void write(Linear& linear) {
    ++summary_.linears;
    const auto done = state_.done.find(linear.name());
    if (done == state_.done.end()) {
      write_float(linear);
    } else {
      ++summary_.quantized;
      saver_.write(std::move(done->second));
      state_.done.erase(done);
    }
    extras(linear.name());
  }

  void write_float(Linear& linear) {
    if (!linear.changed()) check_finite(linear.name() + ".weight", linear.source());
    saver_.write(linear);
  }

  // Router parameters stand behind the experts, in front of the shared ones.
  void write(Moe& moe) {
    if (moe.spec->router_is_linear) write(moe.router);
    for (Mlp& expert : moe.experts)
      for (Linear* linear : expert.linears()) write(*linear);
    if (!moe.spec->router_is_linear) write_float(moe.router);
    if (!moe.correction_bias.empty())
      saver_.write_float(moe.spec->correction_bias, moe.bias_source);
    if (moe.shared)
      for (Linear* linear : moe.shared->linears()) write(*linear);
    if (moe.shared_gate) write(*moe.shared_gate);
  }

  void extras(const std::string& module) {
    for (const ModuleTensor& extra : state_.extras)
      if (extra.module == module) saver_.write(extra);
  }

  BlockState& state_;
  DType dtype_;
  Saver& saver_;
  QuantSummary& summary_;
};

}  // namespace

void write_block(BlockState& state, DType model_dtype, Saver& saver, QuantSummary& summary) {
  Writer(state, model_dtype, saver, summary).write();
}

void check_finite(const std::string& name, const TensorView& view) {
  if (!is_float(view.dtype)) return;
  constexpr std::int64_t kGrain = 1 << 16;
  std::atomic<bool> bad{false};
  const std::size_t size = dtype_size(view.dtype);
  parallel_ranges(view.count(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> values(static_cast<std::size_t>(end - begin));
    to_f32(
        TensorView{view.dtype, {end - begin}, view.bytes + static_cast<std::size_t>(begin) * size},
        values.data());
    for (float value : values)
      if (!std::isfinite(value)) bad = true;
  });
  if (bad)
    throw DataError(fmt::format("tensor {} holds NaN or infinite values", name),
                    "the checkpoint is damaged; download the shard again");
}

}  // namespace msmodelslim
