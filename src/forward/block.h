#pragma once
// The live module tree of one decoder layer: the checkpoint's weights, until an algorithm rewrites
// them.

#include <memory>
#include <vector>

#include "checkpoint/reader.h"
#include "forward/input_rotation.h"
#include "model/spec.h"
#include "tensor/tensor.h"

namespace msmodelslim {

class Linear {
 public:
  // Of a block that has others in its place.
  Linear() = default;
  // Views the checkpoint's tensors; throws DataError when they are missing.
  Linear(const LinearSpec& spec, const CheckpointReader& checkpoint);
  // A linear whose weight is another tensor of the checkpoint (tied head).
  Linear(const LinearSpec& spec, WeightSource source);

  const LinearSpec& spec() const { return spec_; }
  const std::string& name() const { return spec_.name; }
  const WeightSource& source() const { return source_; }  // [out, in], the checkpoint's dtype
  // fp32 [out, in]; made from the source at the first call. Not for concurrent first calls.
  const float* weight();
  // The weight for rewriting; it is no longer the checkpoint's.
  float* mutable_weight();
  bool changed() const { return changed_; }
  std::vector<float>& mutable_bias() {
    changed_ = true;
    return bias_;
  }
  const std::vector<float>& bias() const { return bias_; }  // [out] or empty
  // What the engine does to the input first; identity for every float checkpoint.
  const InputRotation& input_rotation() const { return input_rotation_; }
  void set_input_rotation(InputRotation rotation) { input_rotation_ = std::move(rotation); }
  // Gives the fp32 copy back unless it was rewritten.
  void release();

 private:
  LinearSpec spec_;
  WeightSource source_;
  Tensor weight_;
  std::vector<float> bias_;
  bool changed_ = false;
  InputRotation input_rotation_;
};

struct Norm {
  // A norm without a name leaves what it reads as it is, and has no weight.
  Norm(const NormSpec& norm_spec, const CheckpointReader& checkpoint);
  NormSpec spec;
  std::vector<float> weight;  // [heads * size], the factor itself
  std::vector<float> bias;    // [size] or empty; smoothing may add it
  bool changed = false;
  const float* bias_or_null() const { return bias.empty() ? nullptr : bias.data(); }
  bool exists() const { return !spec.name.empty(); }
  std::vector<float> file_weight() const;  // as the file holds it

 private:
  std::vector<float> source_;  // one_plus: what the file held
};

struct Mlp {
  Mlp(const MlpSpec& spec, const CheckpointReader& checkpoint);
  Linear gate, up, down;
  std::vector<Linear*> linears() { return {&gate, &up, &down}; }
};

struct Moe {
  Moe(const MoeSpec& moe_spec, const CheckpointReader& checkpoint);
  const MoeSpec* spec;
  Linear router;
  std::vector<float> correction_bias;  // [choices] or empty
  TensorView bias_source;              // the checkpoint's
  std::vector<std::int32_t> table;     // [vocab, per_token] or empty
  std::vector<Mlp> experts;
  std::unique_ptr<Mlp> shared;
  std::unique_ptr<Linear> shared_gate;

  std::vector<Linear*> linears();  // as MoeSpec's
};

struct Indexer {
  Indexer(const IndexerSpec& indexer_spec, const CheckpointReader& checkpoint);
  const IndexerSpec* spec;
  Linear q, k;
  Norm k_norm;
  Linear weights;
};

struct Mla {
  Mla(const MlaSpec& mla_spec, const CheckpointReader& checkpoint);
  const MlaSpec* spec;
  std::unique_ptr<Linear> q_a;
  std::unique_ptr<Norm> q_a_norm;
  Linear q_b, kv_a;
  Norm kv_a_norm;
  Linear kv_b;
  std::unique_ptr<Indexer> indexer;

  std::vector<Linear*> linears();        // as MlaSpec's
  std::vector<Linear*> input_readers();  // of what the block's first norm gives
  std::vector<Linear*> query_readers();  // of what q_a_norm gives
};

struct Delta {
  Delta(const DeltaSpec& delta_spec, const CheckpointReader& checkpoint);
  const DeltaSpec* spec;
  std::vector<Linear> inputs;
  std::vector<float> conv;     // [conv_width, kernel]
  std::vector<float> a_log;    // [value_heads]
  std::vector<float> dt_bias;  // [value_heads]
  Norm norm;
};

struct Compressor {
  Compressor(const CompressorSpec& compressor_spec, const CheckpointReader& checkpoint);
  const CompressorSpec* spec;
  Linear kv, gate;
  std::vector<float> position;  // [ratio, width]
  Norm norm;
};

struct EntryIndexer {
  EntryIndexer(const EntryIndexerSpec& indexer_spec, const CheckpointReader& checkpoint);
  const EntryIndexerSpec* spec;
  Linear q, weights;
  Compressor keys;
};

struct EntryAttention {
  EntryAttention(const EntryAttentionSpec& entries_spec, const CheckpointReader& checkpoint);
  const EntryAttentionSpec* spec;
  Linear q_a;
  Norm q_a_norm;
  Linear q_b, kv;
  Norm kv_norm;
  std::vector<Linear> out_a;  // by group [rank, heads of the group * head_dim]
  std::unique_ptr<Compressor> compressor;
  std::unique_ptr<EntryIndexer> indexer;

  std::vector<Linear*> linears();        // as EntryAttentionSpec's
  std::vector<Linear*> input_readers();  // of what the block's first norm gives
  std::vector<Linear*> query_readers();  // of what q_a_norm gives

 private:
  Tensor out_values_;  // of out_a where the file has codes
};

struct Hyper {
  Hyper(const HyperSpec& hyper_spec, const CheckpointReader& checkpoint);
  HyperSpec spec;
  std::vector<float> fn;  // [mixes, copies * hidden]
  std::vector<float> base;
  std::vector<float> scale;
};

struct Mtp {
  Mtp(const MtpSpec& mtp_spec, const CheckpointReader& checkpoint);
  const MtpSpec* spec;
  Norm embedding_norm, hidden_norm, head_norm;
  Linear projection;
  std::unique_ptr<Linear> hidden_projection;
  std::unique_ptr<Hyper> head_hyper;

  std::vector<Linear*> projections();  // as MtpSpec's
};

struct Block {
  Block(const BlockSpec& block_spec, const CheckpointReader& checkpoint);
  const BlockSpec* spec;
  Norm input_norm;
  Norm post_attention_norm;
  std::unique_ptr<Norm> q_norm;
  std::unique_ptr<Norm> k_norm;
  std::unique_ptr<Norm> attention_out_norm;
  std::unique_ptr<Norm> mlp_out_norm;
  Linear q, k, v;  // unused where others are in their place
  std::unique_ptr<Linear> qkv;
  std::vector<float> sinks;  // [heads] or empty
  Linear o;
  std::unique_ptr<Linear> head_gate;
  Linear gate, up, down;  // unused where experts are in their place
  std::unique_ptr<Linear> gate_up;
  std::unique_ptr<Moe> moe;
  std::unique_ptr<Mla> mla;
  std::unique_ptr<Delta> delta;
  std::unique_ptr<EntryAttention> entries;
  std::unique_ptr<Hyper> attention_hyper;
  std::unique_ptr<Hyper> mlp_hyper;
  std::unique_ptr<Mtp> mtp;

  std::vector<Linear*> attention_inputs();  // those that read what input_norm gives; MLA: all
  std::vector<Linear*> attention_linears();
  std::vector<Linear*> mlp_inputs();   // of the dense MLP
  std::vector<Linear*> mlp_linears();  // experts', then the dense MLP's
  std::vector<Linear*> linears();
};

}  // namespace msmodelslim
