#pragma once
// The AscendV1 folder on disk: which tensors a quantized linear has, and the description file.
//
//   quant_model_description.json   tensor name -> type, then the global keys
//   quant_model_weights-*          V1: shards with index;  quant_model_weight_<type>: V0
//
// Per type, for a linear P with weight [n, k] (order = order of writing):
//   W8A8          weight I8 [n,k] · quant_bias I32 [n] · input_scale F32 [1] · input_offset F32 [1]
//                 · deq_scale [n] (F32 for a bf16 model, else I64 with the fp32 bits) · bias F32
//                 [n]
//   W8A8_DYNAMIC  weight I8 [n,k] · weight_scale F32 [n,1] · weight_offset F32 [n,1] zeros · bias
//   W8A8_MIX      those of W8A8, then weight_scale and weight_offset as in W8A8_DYNAMIC: prefill
//                 runs with a scale per token, decode with the static one
//   W8A16         the tensors of W8A8_DYNAMIC; the offset is real
//   W4A8_DYNAMIC  weight I8 [n/2,k] (two output rows a byte, even row low) · weight_scale ·
//                 weight_offset · scale_bias F32 [n,1] or [n,16] · bias
//   W4A4_DYNAMIC  weight I8 [n,k], one int4 value a byte · weight_scale F32 [n,1] or [n,k/group] ·
//                 weight_offset · bias
//   WFP8AFP8_DYNAMIC  weight F8_E4M3 [n,k] · weight_scale F32 [n,1] · weight_offset zeros · bias
//   W8A8_MXFP8    weight F8_E4M3 [n,k] · weight_scale U8 [n, ceil(k/32)]: exponent + 127 · bias
//   W4A8_MXFP, W4A4_MXFP4  weight U8 [n,k/2] (two fp4 of a row a byte, even column low) · the rest
//                 as W8A8_MXFP8
//   W4A4_MXFP4_DUALSCALE  the same, then weight_dual_scale F32 [n, ceil(k/dual_block), 1]; its bias
//                 carries the type
//   W16A16S       weight, bias in the source's dtype; both carry the type
//   FLOAT         weight, bias as in the source
// With a low-rank branch of rank r: svd_lowrank_l1 [r,k] and svd_lowrank_l2 [n,r], FLOAT in the
// model's dtype, come first, and the type is X_SVD, or X_SVD_DYNAMIC for X_DYNAMIC.
// With a FlatQuant transform all types of the linear, FLOAT too, get _FLATQUANT in the same place;
// left_trans [a,a] and right_trans [b,b] (the attention output has none) in the model's dtype and
// clip_ratio F32 [1] come last, with the type of the tensor before them. a b = k.
// C8, of an attention A: A.k_proj.kv_cache_scale, A.k_proj.kv_cache_offset, the same of A.v_proj,
//   each [kv_heads*head_dim] in the model's dtype; then kv_cache_type and kv_quant_type are "C8"
// FAQuant, of an attention A with latent vectors: A.fa_q.scale F32 [heads,1], A.fa_q.offset zeros
//   (I8, F32 for fp8), the same of A.fa_k and A.fa_v with [1,1]; "A.quant_type" in the description
//   says which of the three are quantized and how; with such scales fa_quant_type is "FAKQuant"
// V0 folders order differently, keep scales in the model's dtype and have more types, see
// save/v0_tensors.h.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace msmodelslim {

enum class LinearType {
  kFloat,
  kW8A16,
  kW8A8Dynamic,
  kW8A8Mix,
  kW8A8,
  kW4A8Dynamic,
  kW4A4Dynamic,
  kFp8Dynamic,  // WFP8AFP8_DYNAMIC
  kMxFp8,       // W8A8_MXFP8
  kW4A8MxFp,    // W4A8_MXFP
  kMxFp4,       // W4A4_MXFP4
  kMxFp4Dual,   // W4A4_MXFP4_DUALSCALE
  kW16A16S,
  kC8,       // no linear: scales and offsets of an int8 KV cache
  kW4A16,    // int4 weights alone: in V0 folders and other formats, see compressed_config.h
  kW8A8S,    // V0 only
  kFaQuant,  // no linear: what attention reads of a latent cache
};

// Weights in blocks of 32 that share a power of two.
bool is_mx(LinearType type);
// Weights that are floating-point numbers of 8 or 4 bits.
bool is_float_format(LinearType type);

const char* linear_type_name(LinearType type);
// The type of a linear's weight.
std::optional<LinearType> linear_type_from_name(const std::string& name);

inline constexpr const char* kLowRank1 = "svd_lowrank_l1";
inline constexpr const char* kLowRank2 = "svd_lowrank_l2";
// "W4A8_DYNAMIC" -> "W4A8_SVD_DYNAMIC", "W4A4_MXFP4" -> "W4A4_MXFP4_SVD", and back (a name without
// _SVD stays as it is).
std::string with_svd(const std::string& name);
std::string without_svd(const std::string& name);

inline constexpr const char* kLeftTrans = ".left_trans";
inline constexpr const char* kRightTrans = ".right_trans";
inline constexpr const char* kClipRatio = ".clip_ratio";
// The same with _FLATQUANT.
std::string with_flatquant(const std::string& name);
std::string without_flatquant(const std::string& name);

// Suffixes every linear of this type has on disk, in order of writing, without "bias".
const std::vector<std::string>& linear_type_suffixes(LinearType type);

// Global keys of a folder with an int8 KV cache, and what they say.
inline constexpr const char* kKvCacheKeys[] = {"kv_cache_type", "kv_quant_type"};
inline constexpr const char* kKvCacheType = "C8";

inline constexpr const char* kDescriptionFile = "quant_model_description.json";
inline constexpr const char* kV1Stem = "quant_model_weights";

// The same of one whose attention reads quantized latent vectors.
inline constexpr const char* kFaQuantKey = "fa_quant_type";
inline constexpr const char* kFaQuantType = "FAKQuant";
inline constexpr const char* kAttentionQuantType = ".quant_type";
// GLM-5's final norm w beside a rotation R of the stream: R^T diag(w) R in a file of its own.
inline constexpr const char* kNormRotation = "rot.weight";
inline constexpr const char* kNormRotationFile = "rot.safetensors";
inline constexpr const char* kNormRotationKey = "is_rot_used";
// Of a model whose indexers are quantized ("A.indexer.quant_type").
inline constexpr const char* kIndexerKey = "indexer_quant_type";
inline constexpr const char* kIndexerType = "INT8_DYNAMIC";

// The type that represents the whole model: msModelSlim's priority list, which W4A8_DYNAMIC is not
// in.
class ModelQuantType {
 public:
  ModelQuantType() = default;
  explicit ModelQuantType(int rank) : rank_(rank) {}  // as rank() gave it
  int rank() const { return rank_; }
  void propose(LinearType type, bool svd = false);
  std::string name() const;  // "Unknown" before any proposal

 private:
  int rank_ = -1;
};

// <folder>/quant_model_description.json, or the quant_model_description_<type>.json of a folder for
// old MindIE versions; empty: the folder has none.
std::string find_description(const std::string& folder);

// Reads the description; throws DataError when there is none or it is no object of strings and
// global values.
Json read_description(const std::string& folder);

}  // namespace msmodelslim
