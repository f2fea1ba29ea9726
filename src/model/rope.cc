#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "check that config.json is the one that came with the weights";

RopeKind kind_of(const std::string& name, const std::string& where) {
  if (name == "default" || name == "mrope") return RopeKind::kDefault;
  if (name == "linear") return RopeKind::kLinear;
  if (name == "dynamic") return RopeKind::kDynamic;
  if (name == "yarn") return RopeKind::kYarn;
  if (name == "llama3") return RopeKind::kLlama3;
  if (name == "longrope" || name == "su") return RopeKind::kLongRope;
  throw DataError(fmt::format("{}: the rope scaling \"{}\" is not supported", where, name),
                  "supported: default, linear, dynamic, yarn, llama3, longrope");
}

std::vector<double> numbers(const ModelConfig& scaling, const std::string& key) {
  std::vector<double> values;
  if (!scaling.has(key)) return values;
  const Json& list = scaling.json().at(key);
  if (!list.is_array())
    throw DataError(scaling.path() + ": " + key + " must be a list of numbers", kRemedy);
  for (const Json& value : list) {
    if (!value.is_number())
      throw DataError(scaling.path() + ": " + key + " must be a list of numbers", kRemedy);
    values.push_back(value.get<double>());
  }
  return values;
}

// Files of transformers 5 may have one set of parameters for each kind of layer.
ModelConfig of_layers(const ModelConfig& parameters, const char* kind) {
  if (!parameters.has(kind) || !parameters.json().at(kind).is_object()) return parameters;
  return {parameters.json().at(kind), fmt::format("{}.{}", parameters.path(), kind)};
}

// Of layers with a window, which may be rotated over another part of their heads.
std::int64_t local_dim(const ModelConfig& config, const ModelConfig& all, std::int64_t head_dim,
                       std::int64_t dim) {
  const ModelConfig local = of_layers(all, "sliding_attention");
  if (!all.has("sliding_attention") || !local.has("partial_rotary_factor")) return 0;
  const double part = local.number_or("partial_rotary_factor", 1);
  const auto own = static_cast<std::int64_t>(static_cast<double>(head_dim) * part) / 2 * 2;
  if (own < 2 || own > head_dim)
    throw DataError(fmt::format("{}: rope over {} of {} dimensions is impossible", config.path(),
                                own, head_dim),
                    kRemedy);
  return own == dim ? 0 : own;
}

void apply_llama3(const RopeSpec& rope, std::vector<double>& inverse) {
  const auto original = static_cast<double>(rope.original_max_position);
  for (double& f : inverse) {
    const double wave = 2 * std::numbers::pi / f;
    if (wave > original / rope.low_freq_factor) {
      f /= rope.factor;
    } else if (wave >= original / rope.high_freq_factor) {
      const double t =
          (original / wave - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
      f = (1 - t) * f / rope.factor + t * f;
    }
  }
}

double apply_yarn(const RopeSpec& rope, std::vector<double>& inverse) {
  const auto dim = static_cast<double>(rope.dim);
  const auto original = static_cast<double>(rope.original_max_position);
  const auto correction = [&](double rotations) {
    return dim * std::log(original / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(rope.theta));
  };
  double low = correction(rope.beta_fast);
  double high = correction(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < inverse.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    inverse[i] = inverse[i] / rope.factor * ramp + inverse[i] * (1 - ramp);
  }
  if (rope.attention_factor) return *rope.attention_factor;
  if (rope.mscale != 0 && rope.mscale_all_dim != 0)
    return yarn_magnitude(rope.factor, rope.mscale) /
           yarn_magnitude(rope.factor, rope.mscale_all_dim);
  return yarn_magnitude(rope.factor, 1);
}

double apply_longrope(const RopeSpec& rope, std::int64_t length, std::vector<double>& inverse) {
  const auto& factors = length <= rope.original_max_position ? rope.short_factor : rope.long_factor;
  for (std::size_t i = 0; i < inverse.size(); ++i) inverse[i] /= factors[i];
  if (rope.attention_factor) return *rope.attention_factor;
  if (rope.factor <= 1) return 1;
  return std::sqrt(1 + std::log(rope.factor) /
                           std::log(static_cast<double>(rope.original_max_position)));
}

}  // namespace

double yarn_magnitude(double scale, double m) {
  return scale <= 1 ? 1.0 : 0.1 * m * std::log(scale) + 1.0;
}

RopeSpec read_rope(const ModelConfig& config, std::int64_t head_dim) {
  RopeSpec rope;
  rope.max_position = config.size_or("max_position_embeddings", 2048);
  const char* key = config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const bool scaled = config.has(key);
  if (scaled && !config.json().at(key).is_object())
    throw DataError(fmt::format("{}: \"{}\" must be an object", config.path(), key), kRemedy);
  const ModelConfig all(scaled ? config.json().at(key) : Json::object(),
                        config.path() + ": " + key);
  const ModelConfig scaling = of_layers(all, "full_attention");
  if (config.has("rope_local_base_freq"))
    rope.local_theta = config.number_or("rope_local_base_freq", 10000);
  else if (all.has("sliding_attention"))
    rope.local_theta = of_layers(all, "sliding_attention").number_or("rope_theta", 10000);
  rope.theta = config.number_or("rope_theta", scaling.number_or("rope_theta", 10000));
  const double partial =
      config.number_or("partial_rotary_factor", scaling.number_or("partial_rotary_factor", 1));
  rope.dim = static_cast<std::int64_t>(static_cast<double>(head_dim) * partial) / 2 * 2;
  rope.dim = config.size_or("rotary_dim", rope.dim);
  rope.local_dim = local_dim(config, all, head_dim, rope.dim);
  if (rope.dim < 2 || rope.dim > head_dim || rope.theta <= 1)
    throw DataError(fmt::format("{}: rope over {} of {} dimensions with theta {} is impossible",
                                config.path(), rope.dim, head_dim, rope.theta),
                    kRemedy);
  rope.kind =
      kind_of(scaling.text_or("rope_type", scaling.text_or("type", "default")), config.path());
  rope.factor = scaling.number_or("factor", 1);
  if (rope.kind == RopeKind::kDynamic && scaling.has("alpha")) {  // HunYuan: for every length
    const auto dim = static_cast<double>(rope.dim);
    rope.theta *= std::pow(scaling.number_or("alpha", 1), dim / (dim - 2));
    rope.kind = RopeKind::kDefault;
  }
  rope.original_max_position =
      scaling.size_or("original_max_position_embeddings",
                      config.size_or("original_max_position_embeddings", rope.max_position));
  if (rope.kind == RopeKind::kLongRope && config.has("original_max_position_embeddings"))
    rope.factor =
        static_cast<double>(rope.max_position) / static_cast<double>(rope.original_max_position);
  rope.low_freq_factor = scaling.number_or("low_freq_factor", 1);
  rope.high_freq_factor = scaling.number_or("high_freq_factor", 4);
  rope.beta_fast = scaling.number_or("beta_fast", 32);
  rope.beta_slow = scaling.number_or("beta_slow", 1);
  rope.mscale = scaling.number_or("mscale", 0);
  rope.mscale_all_dim = scaling.number_or("mscale_all_dim", 0);
  rope.truncate = scaling.flag_or("truncate", true);
  if (scaling.has("attention_factor"))
    rope.attention_factor = scaling.number_or("attention_factor", 1);
  rope.query_beta = scaling.number_or("llama_4_scaling_beta", 0);
  rope.short_factor = numbers(scaling, "short_factor");
  rope.long_factor = numbers(scaling, "long_factor");
  const auto half = static_cast<std::size_t>(rope.dim / 2);
  if (rope.kind == RopeKind::kLongRope &&
      (rope.short_factor.size() != half || rope.long_factor.size() != half))
    throw DataError(fmt::format("{}: longrope needs {} short_factor and long_factor entries",
                                config.path(), half),
                    kRemedy);
  return rope;
}

RopeFrequencies rope_frequencies(const RopeSpec& rope, std::int64_t length) {
  const std::int64_t half = rope.dim / 2;
  const auto dim = static_cast<double>(rope.dim);
  double theta = rope.theta;
  if (rope.kind == RopeKind::kDynamic) {
    const auto longest = static_cast<double>(std::max(length, rope.max_position));
    const double stretch =
        rope.factor * longest / static_cast<double>(rope.max_position) - (rope.factor - 1);
    theta *= std::pow(stretch, dim / (dim - 2));
  }
  std::vector<double> inverse(static_cast<std::size_t>(half));
  for (std::int64_t i = 0; i < half; ++i)
    inverse[static_cast<std::size_t>(i)] = std::pow(theta, -2.0 * static_cast<double>(i) / dim);
  double factor = 1;
  switch (rope.kind) {
    case RopeKind::kLinear:
      for (double& f : inverse) f /= rope.factor;
      break;
    case RopeKind::kLlama3:
      apply_llama3(rope, inverse);
      break;
    case RopeKind::kYarn:
      factor = apply_yarn(rope, inverse);
      break;
    case RopeKind::kLongRope:
      factor = apply_longrope(rope, length, inverse);
      break;
    default:
      break;
  }
  RopeFrequencies result;
  result.inverse.assign(inverse.begin(), inverse.end());
  result.attention_factor = static_cast<float>(factor);
  return result;
}

}  // namespace msmodelslim
