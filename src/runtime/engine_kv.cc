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

ChannelParams read_params(const CheckpointReader& checkpoint, const LinearSpec& projection) {
  const std::string name = projection.name + ".kv_cache_";
  ChannelParams params{read_channels(checkpoint, name + "scale", projection.out),
                       read_channels(checkpoint, name + "offset", projection.out)};
  for (float scale : params.scale)
    if (!std::isfinite(scale) || scale <= 0)
      throw DataError(fmt::format("{}scale holds {}, a scale must be positive", name, scale),
                      "quantize the model again");
  return params;
}

}  // namespace

EngineKvOp::EngineKvOp(const ModelSpec& model, const CheckpointReader& checkpoint) {
  // Only AscendV1 folders have a description.
  if (find_description(checkpoint.folder()).empty()) return;
  if (read_description(checkpoint.folder()).value(kKvCacheKeys[0], Json()) != kKvCacheType) return;
  for (const BlockSpec& block : model.blocks)
    if (checkpoint.has(block.k.name + ".kv_cache_scale"))
      caches_[block.name] = {read_params(checkpoint, block.k), read_params(checkpoint, block.v)};
}

void EngineKvOp::apply(const Block& block, float* k, float* v, std::int64_t rows) {
  const auto it = caches_.find(block.spec->name);
  if (it != caches_.end()) Int8KvOp(it->second).apply(block, k, v, rows);
}

}  // namespace msmodelslim
