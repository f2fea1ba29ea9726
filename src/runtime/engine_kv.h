#pragma once
// The int8 KV cache of an AscendV1 folder, as the engine computes with it while it decodes: every
// key and value, the newest included, is stored as
//   q = clamp(rne(x / s + o), -128, 127)   and read as   (q - o) s
// with the folder's scale and offset per channel. Source: formats reference 2.13, 6.5.
// Latent vectors of a folder whose fa_quant_type is FAKQuant are read back from 8 bits the same
// way, with the one scale of fa_k; queries stay float, as engines leave them.

#include <map>
#include <string>

#include "checkpoint/reader.h"
#include "quantize/kv_cache.h"
#include "quantize/latent_cache.h"

namespace msmodelslim {

class EngineKvOp : public KvOp {
 public:
  // `checkpoint` is the quantized folder. Throws DataError when a cache lacks a tensor.
  EngineKvOp(const ModelSpec& model, const CheckpointReader& checkpoint);
  void apply(const Block& block, float* k, float* v, std::int64_t rows) override;
  // Of each block; null: its cache is not int8.
  std::vector<const KvCacheParams*> by_block(const ModelSpec& model) const;

 private:
  std::map<std::string, KvCacheParams> caches_;  // by block; those without stay float
  std::map<std::string, LatentScale> latents_;   // the same
};

}  // namespace msmodelslim
