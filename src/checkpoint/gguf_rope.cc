#include "checkpoint/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace msmodelslim {
namespace {

Json llama3_json(const Llama3Rope& rope) {
  return {{"factor", rope.factor},
          {"high_freq_factor", rope.high_freq_factor},
          {"low_freq_factor", rope.low_freq_factor},
          {"original_max_position_embeddings", static_cast<std::int64_t>(rope.original_context)},
          {"rope_type", "llama3"}};
}

bool fits(const Llama3Rope& rope, double theta, std::int64_t head_dim,
          const std::vector<float>& divisors) {
  constexpr double kTolerance = 1e-4;  // the tensor was computed in fp32
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    const double expected = llama3_divisor(rope, theta, head_dim, static_cast<std::int64_t>(i));
    if (!(std::fabs(divisors[i] - expected) <= kTolerance * expected)) return false;
  }
  return true;
}

Json scaling_from_tensor(const GgufModel& model, const GgufArch& arch, double theta) {
  const auto& [file, tensor] = model.at("rope_freqs.weight");
  if (tensor->shape == Shape{arch.head_dim / 2}) {
    std::vector<float> divisors(static_cast<std::size_t>(arch.head_dim / 2));
    file->decode_row(*tensor, 0, divisors.data());
    if (std::all_of(divisors.begin(), divisors.end(), [](float d) { return d == 1.0F; }))
      return nullptr;
    Llama3Rope rope;
    rope.factor = std::round(*std::max_element(divisors.begin(), divisors.end()) * 1000.0) / 1000.0;
    for (rope.original_context = 1024; rope.original_context <= 1 << 20; rope.original_context *= 2)
      if (fits(rope, theta, arch.head_dim, divisors)) return llama3_json(rope);
  }
  throw DataError(fmt::format("{}: tensor \"rope_freqs.weight\" {} does not follow the rule of "
                              "Llama 3, so config.json cannot express it",
                              model.metadata().where(), shape_text(tensor->shape)),
                  "start from the Hugging Face folder of the model");
}

Json scaling_from_metadata(const GgufMetadata& metadata, const std::string& prefix) {
  const double linear = metadata.number_or(prefix + "scale_linear", 1.0);
  const std::string kind =
      metadata.string_or(prefix + "scaling.type", linear != 1.0 ? "linear" : "none");
  if (kind == "none") return nullptr;
  const double factor = metadata.number_or(prefix + "scaling.factor", linear);
  if (kind == "linear") {
    if (factor == 1.0) return nullptr;
    return {{"factor", factor}, {"rope_type", "linear"}, {"type", "linear"}};
  }
  if (kind != "yarn")
    throw DataError(fmt::format("{}: {}scaling.type is \"{}\", which is not supported",
                                metadata.where(), prefix, kind),
                    "start from the Hugging Face folder of the model");
  Json scaling = {{"factor", factor}};
  scaling["original_max_position_embeddings"] =
      metadata.need_integer(prefix + "scaling.original_context_length");
  if (metadata.has(prefix + "scaling.attn_factor"))
    scaling["attention_factor"] = metadata.need_number(prefix + "scaling.attn_factor");
  scaling["rope_type"] = "yarn";
  scaling["type"] = "yarn";
  return scaling;
}

}  // namespace

double llama3_divisor(const Llama3Rope& rope, double theta, std::int64_t head_dim,
                      std::int64_t index) {
  const double exponent = 2.0 * static_cast<double>(index) / static_cast<double>(head_dim);
  const double wavelength = 2.0 * std::numbers::pi * std::pow(theta, exponent);
  if (wavelength < rope.original_context / rope.high_freq_factor) return 1.0;
  if (wavelength > rope.original_context / rope.low_freq_factor) return rope.factor;
  const double smooth = (rope.original_context / wavelength - rope.low_freq_factor) /
                        (rope.high_freq_factor - rope.low_freq_factor);
  return 1.0 / ((1.0 - smooth) / rope.factor + smooth);
}

Json gguf_rope_scaling(const GgufModel& model, const GgufArch& arch) {
  const std::string prefix = arch.name + ".rope.";
  if (!model.has("rope_freqs.weight")) return scaling_from_metadata(model.metadata(), prefix);
  return scaling_from_tensor(model, arch,
                             model.metadata().number_or(prefix + "freq_base", 10000.0));
}

}  // namespace msmodelslim
