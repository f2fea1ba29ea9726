// config.json: the typed access, the rope settings and the quantization of a model folder.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "checkpoint/compressed_config.h"
#include "model/config.h"
#include "model/rope.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const msmodelslim::Json json = msmodelslim::parse_json(text, "fuzz");
    if (json.is_object() && json.contains("quantization_config"))
      msmodelslim::CompressedConfig::parse(json.at("quantization_config"), "fuzz")
          .scheme_of("model.layers.0.mlp.up_proj");
  } catch (const msmodelslim::Error&) {
  }
  try {
    const msmodelslim::ModelConfig config(msmodelslim::parse_json(text, "fuzz"), "fuzz");
    if (!config.json().is_object()) return 0;
    const msmodelslim::RopeSpec rope = msmodelslim::read_rope(config, 64);
    msmodelslim::rope_frequencies(rope, 128);
  } catch (const msmodelslim::Error&) {
  }
  return 0;
}
