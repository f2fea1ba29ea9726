#pragma once
// What a model is made of: plain data, read from config.json and a family's table row.
//
// Names are the checkpoint's own (without ".weight"). Shapes are [out, in], row-major.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace msmodelslim {

enum class Role {
  kQuery,
  kKey,
  kValue,
  kAttentionOut,
  kGate,
  kUp,
  kDown,
  kHead,
  kRouter,      // scores of the experts
  kSharedGate,  // how much the shared expert counts
  kQueryDown,   // MLA: into and out of the latent vectors
  kQueryUp,
  kKeyValueDown,
  kKeyValueUp,
  kNextToken,      // of the two inputs of a next-token-prediction layer
  kQueryKeyValue,  // fused: rows of queries, keys and values below each other
  kGateUp,         // fused: rows of gate, then of up
  kDeltaIn,        // inputs of a gated delta net
  kHeadGate,       // how much each head counts
  kUnknown,        // of an architecture that is known by its tensors alone
  kIndexQuery,     // of an indexer of sparse attention
  kIndexKey,
  kIndexWeight,
  kEntry,  // of entries that stand for runs of tokens
};

struct LinearSpec {
  std::string name;  // "model.layers.0.self_attn.q_proj"
  std::int64_t in = 0;
  std::int64_t out = 0;
  bool bias = false;
  Role role = Role::kHead;
  // Linears that engines fuse into one and that read the same input share this name
  // ("model.layers.0.self_attn.qkv_proj"); empty when the linear stands alone.
  std::string group;
};

struct NormSpec {
  std::string name;  // "": the block has no such norm, what it reads goes on as it is
  std::int64_t size = 0;
  double eps = 1e-6;
  bool one_plus = false;   // the file holds the weight less 1
  bool centered = false;   // LayerNorm: the mean is taken off first
  std::int64_t heads = 1;  // rows of the weight, [heads, size], which take turns
};

// What a gated MLP makes of gate g and up u; without a gate g is what up gives, and u is 1.
enum class Activation {
  kSilu,          // silu(g) * u
  kGelu,          // gelu(g) * u, by the error function
  kGeluTanh,      // by tanh
  kClampedSwish,  // gpt-oss: g = min(g, 7), u = clamp(u, -7, 7); g * sigmoid(1.702 g) * (u + 1)
  kClampedSilu    // with a limit: silu(min(g, limit)) * clamp(u, -limit, limit)
};

enum class RopeKind { kDefault, kLinear, kDynamic, kYarn, kLlama3, kLongRope };

struct RopeSpec {
  RopeKind kind = RopeKind::kDefault;
  double theta = 10000;
  std::int64_t dim = 0;  // rotated leading dimensions of a head
  double factor = 1;
  std::int64_t max_position = 0;
  std::int64_t original_max_position = 0;
  double low_freq_factor = 1;   // llama3
  double high_freq_factor = 4;  // llama3
  double beta_fast = 32;        // yarn
  double beta_slow = 1;
  double mscale = 0;
  double mscale_all_dim = 0;
  bool truncate = true;
  std::optional<double> attention_factor;
  std::vector<double> short_factor;  // longrope
  std::vector<double> long_factor;
  std::optional<double> local_theta;  // of layers with a window, which then have no scaling
  std::int64_t local_dim = 0;         // of those layers; 0: dim
  // Queries at position p are multiplied by 1 + query_beta ln(1 + floor(p /
  // original_max_position)).
  double query_beta = 0;

  std::int64_t dim_of(bool windowed) const { return windowed && local_dim > 0 ? local_dim : dim; }
};

// silu(gate(x)) * up(x) -> down
struct MlpSpec {
  LinearSpec gate, up, down;
  std::vector<const LinearSpec*> linears() const { return {&gate, &up, &down}; }
};

enum class RouterScore { kSoftmax, kSigmoid, kRootSoftplus };

// Mixture of experts in the place of the MLP (reference: models 2.9).
struct MoeSpec {
  std::string name;   // "model.layers.0.mlp"
  LinearSpec router;  // [choices, hidden]
  // True: a linear like the others, in front of the experts, which a recipe may quantize. False:
  // parameters behind the experts, always fp32 products.
  bool router_is_linear = true;
  std::string correction_bias;  // tensor [choices] that only steers the choice; "" for none
  // Tensor [vocab, per_token]: the experts of each token, in the place of a choice; "" for none.
  std::string table;
  RouterScore score = RouterScore::kSoftmax;
  std::int64_t per_token = 0;  // experts that a token goes to
  std::int64_t groups = 1;     // of experts, of which only `top_groups` are looked at
  std::int64_t top_groups = 1;
  Activation activation = Activation::kSilu;
  double limit = 0;         // > 0: of kClampedSilu, or of kSilu, see BlockSpec::limit
  double shared_limit = 0;  // the same of the shared expert
  bool normalize = false;   // the weights of a token's experts sum to 1, before `scale`
  double scale = 1;
  std::vector<MlpSpec> experts;
  std::int64_t zero_experts = 0;  // behind those: they give back what they read
  std::optional<MlpSpec> shared;
  std::optional<LinearSpec> shared_gate;  // [1, hidden]: sigmoid(gate x) times the shared part

  // What the router chooses from.
  std::int64_t choices() const { return static_cast<std::int64_t>(experts.size()) + zero_experts; }
  std::vector<const LinearSpec*> linears() const;
};

// Which tokens a query looks at where there are more than `most` (DeepSeek-V3.2; reference: models
// 2.11): those with the highest sum over heads a of w_a relu(q_a k).
struct IndexerSpec {
  std::string name;    // "model.layers.0.self_attn.indexer"
  LinearSpec q;        // [heads * dim, q latent], reads what q_b reads
  LinearSpec k;        // [dim, hidden]
  NormSpec k_norm;     // with a mean and a bias
  LinearSpec weights;  // [heads, hidden]
  std::int64_t heads = 0;
  std::int64_t dim = 0;
  std::int64_t most = 0;
  bool rope_pairs = false;  // of the leading dimensions of q and k
};

// Multi-head latent attention in the place of q, k and v (reference: models 2.10).
struct MlaSpec {
  std::optional<LinearSpec> q_a;  // [q latent, hidden]; nothing: q_b reads the block's input
  std::optional<NormSpec> q_a_norm;
  LinearSpec q_b;      // [heads * (nope + rope), q latent or hidden]
  LinearSpec kv_a;     // [latent + rope, hidden]: the latent vector, then the key's rotated part
  NormSpec kv_a_norm;  // of the latent vector
  LinearSpec kv_b;     // [heads * (nope + value), latent]
  std::int64_t nope = 0;
  std::int64_t rope = 0;
  bool rope_pairs = true;  // pairs (2i, 2i + 1) are rotated, not halves
  std::int64_t value = 0;
  std::int64_t latent = 0;
  double scale = 1;                    // of the scores
  double query_factor = 1;             // of what q_b gives
  double latent_factor = 1;            // of what kv_a_norm gives
  std::optional<IndexerSpec> indexer;  // only with q_a
  bool shares_choice = false;          // looks at what the last block with an indexer chose

  std::vector<const LinearSpec*> linears() const;
};

// Of every `ratio` tokens one entry (DeepSeek-V4; reference: models 2.14), for each channel
//   entry = norm(sum of softmax(gate x + position) * (kv x)), over those tokens
// and then RoPE of the first token's position. `overlaps`: a token has two such pairs of values;
// the second joins those of its own run, the first those of the run behind it.
struct CompressorSpec {
  std::string name;      // "layers.0.attn.compressor"
  LinearSpec kv, gate;   // [width, hidden]
  std::string position;  // tensor [ratio, width]
  NormSpec norm;         // [dim]
  std::int64_t ratio = 0;
  std::int64_t dim = 0;
  bool overlaps = false;

  std::int64_t width() const { return (overlaps ? 2 : 1) * dim; }
};

// Which entries a query looks at where it sees more than `most`; see IndexerSpec.
struct EntryIndexerSpec {
  LinearSpec q;         // [heads * dim, q latent]
  LinearSpec weights;   // [heads, hidden]
  CompressorSpec keys;  // [dim]
  std::int64_t heads = 0;
  std::int64_t most = 0;
};

// Attention of many queries to one vector of a token, key and value of all heads, in a window, and
// to entries for the tokens before. The place of q, k and v; o reads what out_a gives.
struct EntryAttentionSpec {
  LinearSpec q_a;  // [q latent, hidden]
  NormSpec q_a_norm;
  LinearSpec q_b;  // [heads * head_dim, q latent], heads then have length 1
  LinearSpec kv;   // [head_dim, hidden]
  NormSpec kv_norm;
  LinearSpec out_a;  // [groups * rank, heads * head_dim / groups]: rows of a group read its heads;
                     // never quantized
  std::int64_t groups = 0;
  std::int64_t rope = 0;                     // rotated last dimensions of a head
  double eps = 1e-6;                         // of the heads' lengths
  std::optional<CompressorSpec> compressor;  // nothing: the window is all there is
  std::optional<EntryIndexerSpec> indexer;   // nothing: all entries of finished runs

  std::vector<const LinearSpec*> linears() const;
};

// Hyper-connections (arXiv 2409.19606; reference: models 2.14): a row is `copies` streams x_j. With
// m = fn x / rms(x) and logistic s, a part f of a block has
//   reads sum_j pre_j x_j;  x_i <- post_i f + sum_j comb_ji x_j
//   pre = s(scale_0 m + base) + eps;  post = 2 s(scale_1 m + base)
//   comb = softmax of rows of scale_2 m + base, + eps, made doubly stochastic in `rounds` rounds
// In front of the head there is pre alone.
struct HyperSpec {
  std::string fn;     // tensor [(2 + copies) copies, copies * hidden]; head: [copies, .]
  std::string base;   // tensor [(2 + copies) copies]; head: [copies]
  std::string scale;  // tensor [3]; head: [1]
  std::int64_t copies = 0;
  std::int64_t rounds = 0;
  double eps = 1e-6;
  double norm_eps = 1e-6;
};

// Gated delta net in the place of attention (arXiv 2412.06464; reference: models 2.12). What it
// keeps of a sequence has a size that does not grow.
struct DeltaSpec {
  std::string name;                  // "model.layers.0.linear_attn"
  std::vector<LinearSpec> inputs;    // in_proj_qkvz and in_proj_ba, in groups of a key head; or
                                     // in_proj_qkv, in_proj_z, in_proj_b and in_proj_a
  std::string conv, a_log, dt_bias;  // tensors, whole names
  NormSpec norm;                     // of a value head, times silu(z)
  std::int64_t key_heads = 0;
  std::int64_t value_heads = 0;  // a multiple
  std::int64_t key_dim = 0;
  std::int64_t value_dim = 0;
  std::int64_t kernel = 0;  // of the convolution over time

  bool grouped() const { return inputs.size() == 2; }
  std::int64_t key_width() const { return key_heads * key_dim; }
  std::int64_t value_width() const { return value_heads * value_dim; }
  std::int64_t conv_width() const { return 2 * key_width() + value_width(); }
};

// An embedding or a head of a next-token layer. Files may leave it out where it is the model's; a
// rotation that makes the two differ writes it.
struct MtpTable {
  std::string name;
  std::string source;  // the module that has the values: itself, or the model's
  bool is_own() const { return name == source; }
};

// A layer behind the last one that predicts one token further. It reads
//   projection [norm(embedding of the next token) | norm(hidden state before the final norm)]
// or, with a hidden_projection, in each stream x_j (HyperSpec)
//   projection norm(embedding of the next token) + hidden_projection norm(x_j)
struct MtpSpec {
  NormSpec embedding_norm;
  NormSpec hidden_norm;
  LinearSpec projection;                        // [hidden, 2 * hidden], or [hidden, hidden]
  std::optional<LinearSpec> hidden_projection;  // [hidden, hidden]
  NormSpec head_norm;
  std::optional<HyperSpec> head_hyper;  // joins its streams
  MtpTable embedding;
  MtpTable head;

  std::vector<const LinearSpec*> projections() const;
};

// Which weights a smoothing scale can move between.
enum class SubgraphKind { kUpDown, kOv, kLinearLinear, kNormLinear };  // in processing order

// LongCat's layers are two blocks. The experts stand beside the MLP of the first one, read what it
// reads, and what they give is added to the stream behind the second one. Between the two it
// travels beside the stream (ModelSpec::stream).
enum class Shortcut { kNone, kOpens, kCloses };

struct BlockSpec {
  std::string name;                     // "model.layers.0"
  std::string attention = "self_attn";  // modules in it
  std::string mlp = "mlp";
  NormSpec input_norm;
  NormSpec post_attention_norm;    // in front of the MLP
  std::optional<NormSpec> q_norm;  // per head or over all heads, before RoPE
  std::optional<NormSpec> k_norm;
  std::optional<NormSpec> attention_out_norm;  // of what is added to the residual stream
  std::optional<NormSpec> mlp_out_norm;
  std::int64_t heads = 0;  // of queries
  LinearSpec q, k, v, o;
  std::optional<LinearSpec> head_gate;  // [heads, hidden]: what a head gives is multiplied by the
                                        // sigmoid
  std::optional<LinearSpec> qkv;        // in the place of q, k and v, which keep their names
  bool grouped_qkv = false;             // its rows: queries, key and value of each key head
  std::string sinks;          // tensor [heads]: scores that no value goes with; "" for none
  LinearSpec gate, up, down;  // without names where `moe` is in their place; gate without
                              // a name: down reads what the activation makes of up
  double limit = 0;           // > 0: kSilu becomes min(silu(g), limit) * clamp(u, -limit, limit)
  Shortcut shortcut = Shortcut::kNone;
  std::optional<LinearSpec> gate_up;  // in the place of gate and up
  std::optional<MoeSpec> moe;
  std::optional<MlaSpec> mla;                 // then q, k and v have no names
  std::optional<DeltaSpec> delta;             // the same
  std::optional<EntryAttentionSpec> entries;  // the same
  std::optional<HyperSpec> attention_hyper;   // then mlp_hyper too
  std::optional<HyperSpec> mlp_hyper;
  bool parallel = false;      // the MLP does not read what attention gives
  bool late_qk_norm = false;  // q_norm and k_norm are behind RoPE
  bool query_gate = false;    // q gives a query and a gate of its result per head
  bool rope = true;
  std::optional<MtpSpec> mtp;
  std::int64_t window = 0;  // sliding window in tokens; 0: none

  std::string attention_name() const { return delta ? delta->name : name + "." + attention; }
  bool is_gated() const { return moe || gate_up || !gate.name.empty(); }
  bool is_dense() const { return !down.name.empty(); }  // has an MLP, maybe beside experts
  // Keys and values of heads.
  bool has_keys() const { return !mla && !delta && !entries; }
  bool smooths_keys() const;  // by scales of k and q, or of their norms
  // The block that most models have: what learns by a backward pass knows no other.
  bool is_plain() const;
  // Its norms stand in front of linears only and have no mean, so that the stream can be rotated.
  bool can_rotate() const;
  // Those of the residual stream, in the order of writing.
  std::vector<const NormSpec*> norms() const;
  // In the order of the module tree, which is the order of writing.
  std::vector<const LinearSpec*> linears() const;
  // Tensors of experts, latent attention, delta nets and next-token layers that never are
  // quantized.
  std::vector<std::string> float_tensors() const;
  // Linears that engines fuse, by LinearSpec::group.
  std::vector<std::vector<const LinearSpec*>> fused_groups() const;
};

struct ModelSpec {
  std::string model_type;     // of config.json
  std::string architecture;   // architectures[0]
  DType dtype = DType::kF32;  // the checkpoint's: products take their inputs in it
  std::int64_t hidden = 0;
  std::int64_t vocab = 0;
  std::int64_t heads = 0;        // of most blocks, see BlockSpec
  std::int64_t kv_heads = 0;     // MLA: as many as heads
  std::int64_t head_dim = 0;     // MLA: of the values
  std::int64_t key_width = 0;    // of what the cache keeps of a token; MLA: latent and rotated part
  std::int64_t value_width = 0;  // MLA: of an indexer's keys
  std::int64_t max_position = 0;
  RopeSpec rope;
  bool rope_pairs = false;  // neighbours are rotated, not halves
  // ALiBi (arXiv 2108.12409) in the place of RoPE: slopes [heads]; empty for none.
  std::vector<float> alibi;
  double score_scale = 1;  // of attention's scores
  double score_cap = 0;    // > 0: scores become cap * tanh(scores / cap)
  Activation activation = Activation::kSilu;
  double embedding_scale = 1;
  double residual_scale = 1;  // of what a block adds
  double logit_scale = 1;
  double logit_cap = 0;  // as score_cap
  // Width of a row that goes from block to block: hidden; or the stream and behind it what a
  // shortcut carries; or several streams and behind them the number of the token.
  std::int64_t stream = 0;
  std::optional<HyperSpec> head_hyper;  // then rows are `copies` streams
  std::string embedding = "model.embed_tokens";
  NormSpec final_norm;
  LinearSpec head;                // lm_head
  bool unit_head = false;         // its rows are divided by their norms
  bool tied = false;              // the head uses the embedding's weight
  std::vector<BlockSpec> blocks;  // those with `mtp` are the last
  std::size_t decoders() const;   // blocks that every token goes through
  bool shares_choices() const;    // some of the blocks, see MlaSpec
  bool has_plain_math() const;    // what all blocks share is as is_plain() blocks need it

  // Of an architecture that has no forward pass here: why, and its linears in file order. Nothing
  // above but the names and the dtype is set then.
  std::string obstacle;
  std::vector<LinearSpec> loose;
  bool has_forward() const { return obstacle.empty(); }
  // All of the blocks, or the loose ones.
  std::vector<const LinearSpec*> linears() const;
};

// Every module name of the model, for the report of patterns that match nothing.
std::vector<std::string> module_names(const ModelSpec& spec);

}  // namespace msmodelslim
