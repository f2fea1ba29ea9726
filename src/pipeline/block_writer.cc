#include "pipeline/block_writer.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/threads.h"

namespace msmodelslim {
namespace {

class Writer {
 public:
  Writer(BlockState& state, LaterLinears& later, const CheckpointReader& checkpoint,
         const ModelEnds& ends, DType dtype, Saver& saver, bool measure, QuantSummary& summary)
      : state_(state),
        later_(later),
        checkpoint_(checkpoint),
        ends_(ends),
        dtype_(dtype),
        saver_(saver),
        measure_(measure),
        summary_(summary) {}

  void write() {
    Block& block = *state_.block;
    if (block.mla)
      write(*block.mla);
    else if (block.delta)
      write(*block.delta);
    else if (block.entries)
      write(*block.entries);
    else
      for (Linear* linear : block.attention_inputs()) write(*linear);
    write(block.o);
    if (block.head_gate) write(*block.head_gate);
    if (!block.spec->sinks.empty()) copy(block.spec->sinks);
    if (block.q_norm) saver_.write(*block.q_norm, dtype_);
    if (block.k_norm) saver_.write(*block.k_norm, dtype_);
    if (block.mla && block.mla->indexer) write(*block.mla->indexer);
    extras(block.spec->attention_name());
    if (block.moe) write(*block.moe);
    for (Linear* linear : block.mlp_inputs()) write(*linear);
    if (block.spec->is_dense()) write(block.down);
    for (const Norm* norm : {&block.input_norm, block.attention_out_norm.get(),
                             &block.post_attention_norm, block.mlp_out_norm.get()})
      if (norm != nullptr && norm->exists()) saver_.write(*norm, dtype_);
    if (block.attention_hyper) write_hyper(*block.attention_hyper, checkpoint_, saver_);
    if (block.mlp_hyper) write_hyper(*block.mlp_hyper, checkpoint_, saver_);
    if (block.mtp) write(*block.mtp);
    summary_.kv_caches += state_.kv_cache ? 1 : 0;
  }

 private:
  void write(Linear& linear) {
    ++summary_.linears;
    extras(linear.name(), true);
    const auto done = state_.done.find(linear.name());
    if (done == state_.done.end()) {
      note(linear, LinearType::kFloat, {});
      write_float(linear);
    } else {
      ++summary_.quantized;
      LaterLinears::Made made;
      if (state_.later.count(linear.name()) > 0) {
        made = later_.take(linear);
      } else {
        made.linear = std::move(done->second);
        if (measure_) made.error = weight_error(linear, made.linear);
      }
      note(linear, made.linear.type, made.error);
      summary_.details.add_quantized(made.linear);
      saver_.write(std::move(made.linear));
      state_.done.erase(done);
      linear.release();
    }
    extras(linear.name());
    checkpoint_.dont_need(linear.name() + ".weight");
  }

  void note(const Linear& linear, LinearType type, const std::optional<WeightError>& error) {
    summary_.notes.push_back({linear.name(), linear_type_name(type), error});
  }

  void write(Mla& mla) {
    if (mla.q_a) {
      write(*mla.q_a);
      saver_.write(*mla.q_a_norm, dtype_);
    }
    write(mla.q_b);
    write(mla.kv_a);
    saver_.write(mla.kv_a_norm, dtype_);
    write(mla.kv_b);
  }

  void write(Indexer& indexer) {
    write(indexer.q);
    write(indexer.k);
    saver_.write(indexer.k_norm, dtype_);
    write(indexer.weights);
  }

  void write(Delta& delta) {
    for (const std::string& name : {delta.spec->dt_bias, delta.spec->a_log, delta.spec->conv})
      copy(name);
    for (Linear& linear : delta.inputs) write(linear);
    saver_.write(delta.norm, dtype_);
  }

  void write(EntryAttention& entries) {
    write(entries.q_a);
    saver_.write(entries.q_a_norm, dtype_);
    write(entries.q_b);
    write(entries.kv);
    saver_.write(entries.kv_norm, dtype_);
    table({entries.spec->out_a.name, entries.spec->out_a.name}, {});
    if (entries.compressor) write(*entries.compressor);
    if (!entries.indexer) return;
    write(entries.indexer->q);
    write(entries.indexer->weights);
    write(entries.indexer->keys);
  }

  void write(Compressor& compressor) {
    copy(compressor.spec->position);
    write(compressor.kv);
    write(compressor.gate);
    saver_.write(compressor.norm, dtype_);
  }

  void copy(const std::string& name) {
    check_finite(name, checkpoint_.at(name));
    saver_.write_float(name, checkpoint_.at(name));
  }

  // Its embedding and head are turned as the model's were; then it has its own, since its head does
  // not have the model's norm.
  void write(Mtp& mtp) {
    const bool turned = !ends_.embedding.empty();
    saver_.write(mtp.embedding_norm, dtype_);
    saver_.write(mtp.hidden_norm, dtype_);
    const std::vector<float> norm = mtp.head_norm.weight;
    std::vector<ModelEnds::Rewrite> head;
    if (turned) {
      std::fill(mtp.head_norm.weight.begin(), mtp.head_norm.weight.end(), 1.0F);
      head = ends_.embedding;
      head.insert(head.begin(), [&](float* x, std::int64_t rows) {
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::size_t j = 0; j < norm.size(); ++j)
            x[static_cast<std::size_t>(r) * norm.size() + j] *= norm[j];
      });
    }
    saver_.write(mtp.head_norm, dtype_);
    if (turned || mtp.spec->head.is_own()) table(mtp.spec->head, head);
    for (Linear* linear : mtp.projections()) write(*linear);
    if (mtp.head_hyper) write_hyper(*mtp.head_hyper, checkpoint_, saver_);
    if (turned || mtp.spec->embedding.is_own()) table(mtp.spec->embedding, ends_.embedding);
  }

  void table(const MtpTable& table, const std::vector<ModelEnds::Rewrite>& rewrites) {
    const std::string from = table.source + ".weight";
    const WeightSource source = checkpoint_.source(from);
    check_finite(from, source);
    Tensor decoded;
    if (rewrites.empty())
      saver_.write_float(table.name + ".weight", source.whole(decoded));
    else
      saver_.write_float(table.name + ".weight", rewritten(source, rewrites).view());
    if (table.is_own()) checkpoint_.dont_need(from);
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
    if (!moe.spec->table.empty()) copy(moe.spec->table);
    if (moe.shared)
      for (Linear* linear : moe.shared->linears()) write(*linear);
    if (moe.shared_gate) write(*moe.shared_gate);
  }

  void extras(const std::string& module, bool before = false) {
    for (const ModuleTensor& extra : state_.extras)
      if (extra.module == module && extra.before == before) saver_.write(extra);
  }

  BlockState& state_;
  LaterLinears& later_;
  const CheckpointReader& checkpoint_;
  const ModelEnds& ends_;
  DType dtype_;
  Saver& saver_;
  bool measure_;
  QuantSummary& summary_;
};

}  // namespace

void write_block(BlockState& state, LaterLinears& later, const CheckpointReader& checkpoint,
                 const ModelEnds& ends, DType model_dtype, Saver& saver, bool measure,
                 QuantSummary& summary) {
  Writer(state, later, checkpoint, ends, model_dtype, saver, measure, summary).write();
}

void write_hyper(const Hyper& hyper, const CheckpointReader& checkpoint, Saver& saver) {
  for (const auto& [name, values] : {std::pair{&hyper.spec.fn, &hyper.fn},
                                     {&hyper.spec.base, &hyper.base},
                                     {&hyper.spec.scale, &hyper.scale}}) {
    const TensorView source = checkpoint.at(*name);
    check_finite(*name, source);
    saver.write_float(*name, from_f32(values->data(), source.shape, source.dtype).view());
  }
}

Tensor rewritten(const WeightSource& source, const std::vector<ModelEnds::Rewrite>& rewrites) {
  constexpr std::int64_t kRows = 1024;
  Tensor out = Tensor::uninitialized(source.dtype(), source.shape());
  const std::int64_t width = source.shape().at(1);
  const std::size_t row_bytes = static_cast<std::size_t>(width) * dtype_size(source.dtype());
  std::vector<float> rows(static_cast<std::size_t>(kRows * width));
  for (std::int64_t begin = 0; begin < source.shape()[0]; begin += kRows) {
    check_interrupted();
    const Shape tile = {std::min(kRows, source.shape()[0] - begin), width};
    const std::size_t offset = static_cast<std::size_t>(begin) * row_bytes;
    source.read_rows(begin, begin + tile[0], rows.data());
    for (const auto& rewrite : rewrites) rewrite(rows.data(), tile[0]);
    const Tensor turned = from_f32(rows.data(), tile, source.dtype());
    std::copy_n(turned.view().bytes, turned.view().byte_size(), out.bytes() + offset);
  }
  return out;
}

void check_finite(const std::string& name, const WeightSource& source) {
  if (!is_float(source.dtype()) || source.count() == 0) return;
  constexpr std::int64_t kGrain = 1 << 16;
  const std::int64_t width = source.shape().empty() ? 1 : source.shape().back();
  std::atomic<bool> bad{false};
  parallel_ranges(source.count() / width, std::max<std::int64_t>(1, kGrain / width),
                  [&](std::int64_t begin, std::int64_t end) {
                    std::vector<float> values(static_cast<std::size_t>((end - begin) * width));
                    source.read_rows(begin, end, values.data());
                    for (float value : values)
                      if (!std::isfinite(value)) bad = true;
                  });
  if (bad)
    throw DataError(fmt::format("tensor {} holds NaN or infinite values", name),
                    "the checkpoint is damaged; download the shard again");
}

}  // namespace msmodelslim
