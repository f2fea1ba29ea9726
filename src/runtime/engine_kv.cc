#include "runtime/engine_kv.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/ascendv1.h"

namespace msmodelslim {
namespace {

std::vector<float> read_channels(const CheckpointReader& checkpoint, const std::string& name,
                                 std::int64_t channels) {
  const TensorView view = checkpoint.at(name);
  if (!is_float(view.dtype) || view.count() != channels)
    throw DataError(fmt::format("{} is {} {}, expected {} numbers", name, dtype_name(view.dtype),
                                shape_text(view.shape), channels),
                    "quantize the model again");
  std::vector<float> values(static_cast<std::size_t>(channels));
  to_f32(view, values.data());
  return values;
}

void check_scales(const std::string& name, const std::vector<float>& scales) {
  for (float scale : scales)
    if (!std::isfinite(scale) || scale <= 0)
      throw DataError(fmt::format("{}scale holds {}, a scale must be positive", name, scale),
                      "quantize the model again");
}

ChannelParams read_params(const CheckpointReader& checkpoint, const LinearSpec& projection) {
  const std::string name = projection.name + ".kv_cache_";
  ChannelParams params{read_channels(checkpoint, name + "scale", projection.out),
                       read_channels(checkpoint, name + "offset", projection.out)};
  check_scales(name, params.scale);
  return params;
}

// Offsets of int8 are I8, those of fp8 F32.
LatentScale read_latent_scale(const CheckpointReader& checkpoint, const std::string& name) {
  const std::vector<float> scale = read_channels(checkpoint, name + "scale", 1);
  check_scales(name, scale);
  return {scale.front(), checkpoint.at(name + "offset").dtype == DType::kF32};
}

}  // namespace

EngineKvOp::EngineKvOp(const ModelSpec& model, const CheckpointReader& checkpoint) {
  // Only AscendV1 folders have a description.
  if (find_description(checkpoint.folder()).empty()) return;
  const Json description = read_description(checkpoint.folder());
  if (description.value(kFaQuantKey, Json()) == kFaQuantType)
    for (const BlockSpec& block : model.blocks)
      if (block.mla && checkpoint.has(block.attention_name() + ".fa_k.scale"))
        latents_[block.attention_name()] =
            read_latent_scale(checkpoint, block.attention_name() + ".fa_k.");
  if (description.value(kKvCacheKeys[0], Json()) != kKvCacheType) return;
  for (const BlockSpec& block : model.blocks)
    if (block.has_keys() && checkpoint.has(block.k.name + ".kv_cache_scale"))
      caches_[block.attention_name()] = {read_params(checkpoint, block.k),
                                         read_params(checkpoint, block.v)};
}

std::vector<const KvCacheParams*> EngineKvOp::by_block(const ModelSpec& model) const {
  std::vector<const KvCacheParams*> params;
  for (const BlockSpec& block : model.blocks) {
    const auto it = caches_.find(block.attention_name());
    params.push_back(it == caches_.end() ? nullptr : &it->second);
  }
  return params;
}

void EngineKvOp::apply(const Block& block, float* k, float* v, std::int64_t rows) {
  const auto latent = latents_.find(block.spec->attention_name());
  if (latent != latents_.end()) LatentKvOp(latent->second).apply(block, k, v, rows);
  const auto it = caches_.find(block.spec->attention_name());
  if (it != caches_.end()) Int8KvOp(it->second).apply(block, k, v, rows);
}

}  // namespace msmodelslim
