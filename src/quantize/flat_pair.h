#pragma once
// Where FlatQuant transforms a decoder block, and the rewriting of the block (Sun et al.,
// "FlatQuant: Flatness Matters for LLM Quantization", 2024, arXiv 2410.09426; reference:
// quantizers 14).
//
//   x' = (x c) (L x R)        the row x seen as [m, n]:  L^T X R, online before each target
//   W' = (W / c) (L x R)^-T   so that x' W'^T = x W^T
// pair                                   L, R                    c goes into
//   input norm -> q, k, v                m x n of hidden         the norm
//   v -> o                               heads, head_dim; no c   (R goes into the rows of v)
//   post-attention norm -> gate, up      m x n of hidden         the norm
//   up -> down                           m x n of intermediate   the rows of up
// What we do differently: any dense block, not that of Qwen3 alone; the linears of a pair share one
// clip ratio, because engines keep one for fused linears; a pair of which a target is left out is
// left alone whole.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "forward/block.h"
#include "kernels/small_matrix.h"
#include "quantize/flat_clip.h"

namespace msmodelslim {

enum class FlatKind { kQueryKeyValue, kAttentionOut, kGateUp, kDown };

// The two sides of a width: m n = width, as near to each other as their difference can be even.
struct FlatSides {
  std::int64_t m = 0;
  std::int64_t n = 0;
};
// Nothing for twice an odd number, which is no difference of two squares.
std::optional<FlatSides> flat_sides(std::int64_t width);

struct FlatPair {
  FlatKind kind = FlatKind::kQueryKeyValue;
  std::vector<const LinearSpec*> targets;  // share the transform
  FlatSides sides;
  bool scales() const { return kind != FlatKind::kAttentionOut; }  // has c
};

// The pairs of a block all of whose targets are selected. Throws UsageError for a width without two
// sides.
std::vector<FlatPair> flat_pairs(const ModelSpec& model, const BlockSpec& block,
                                 const std::function<bool(const std::string&)>& selects);

// What was learned about one pair.
struct FlatTransform {
  FlatPair pair;
  SmallMatrix left;       // [m, m]
  SmallMatrix right;      // [n, n]
  std::vector<double> c;  // [width] or empty
  float clip_ratio = 1;
  std::vector<std::vector<ClipRatios>> weight_clips;  // per target, [out]; empty: not clipped
};

// Rewrites the block. Matrices are rounded to `dtype` first, as they will be saved, so that the
// inverses fit them. Throws DataError when one has no inverse.
void fold_transforms(const std::vector<FlatTransform>& transforms, DType dtype, Block& block);

Linear& linear_of(Block& block, const LinearSpec& spec);

}  // namespace msmodelslim
