#pragma once
// The compressed-tensors folder on disk, which vLLM and SGLang load by themselves:
//
//   model-*.safetensors + index, or model.safetensors
//   config.json with "quantization_config": how the linears are quantized (config_groups, each with
//   the names it is for), which stay float (ignore)
//
// A quantized linear P with weight [n, k], codes of b bits, g groups of columns (1: the channel):
//   int-quantized   weight I8 [n,k] · weight_scale [n,1] · bias
//                   static inputs: input_scale F32 [1] · input_zero_point I8 [1] if asymmetric
//   pack-quantized  weight_packed I32 [n, ceil(kb/32)] · weight_scale [n,g] · weight_zero_point I32
//                   [ceil(nb/32), g] if asymmetric · weight_shape I64 [2] = n, k · bias
//   float-quantized       weight F8_E4M3 [n,k] · weight_scale [n,1] · bias; a scale per token
//   mxfp8-quantized       weight F8_E4M3 [n,k] · weight_scale U8 [n,k/32] (exponent + 127) · bias
//   mxfp4-pack-quantized  weight_packed U8 [n,k/2] (even column low) · weight_scale as mxfp8 ·
//   bias;
//                         inputs mxfp4, or mxfp8
// weight_scale and bias have the model's dtype. w = (q - zero_point) * scale. Packing:
// pack_int32.h.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/name_pattern.h"

namespace msmodelslim {

struct CompressedScheme {
  enum class Input {
    kFloat,  // weight-only
    kToken,  // a scale per token, at run time
    kTensor  // one scale, stored
  };
  enum class Weight { kInt, kFp8, kMxFp8, kMxFp4 };
  Weight weight = Weight::kInt;
  int bits = 8;                 // of the weight
  bool symmetric = true;        // the weight
  std::int64_t group_size = 0;  // 0: the whole channel
  bool packed = false;
  Input input = Input::kToken;
  bool input_symmetric = true;
  int input_bits = 8;  // of MX inputs

  bool is_mx() const { return weight == Weight::kMxFp8 || weight == Weight::kMxFp4; }
  std::int64_t groups(std::int64_t in) const { return group_size > 0 ? in / group_size : 1; }
  friend bool operator==(const CompressedScheme&, const CompressedScheme&) = default;
};

// How a linear of this type is stored; nothing when compressed-tensors engines have no such form.
std::optional<CompressedScheme> compressed_scheme(LinearType type, std::int64_t group_size);
// Names of the types that have one, for messages.
std::string compressed_types_text();

// Suffixes of the tensors of a linear, in order of writing, without "bias".
std::vector<std::string> compressed_suffixes(const CompressedScheme& scheme);

// A scheme and the linears it is for.
struct CompressedGroup {
  CompressedScheme scheme;
  std::vector<std::string> names;
};
// The value of "quantization_config". `ignore`: the float linears. A single group has the target
// "Linear", several list their names.
Json compressed_config_json(const std::vector<CompressedGroup>& groups,
                            const std::vector<std::string>& ignore);

// The configuration of a folder, ours or another tool's.
class CompressedConfig {
 public:
  // Whether config.json of the folder says quant_method compressed-tensors.
  static bool present(const std::string& folder);
  // DataError for a scheme that this program cannot compute. parse() takes the value of
  // "quantization_config"; `where` is named in errors.
  static CompressedConfig read(const std::string& folder);
  static CompressedConfig parse(const Json& config, const std::string& where);
  // Nothing: the linear is float.
  std::optional<CompressedScheme> scheme_of(const std::string& linear) const;

 private:
  struct Group {
    CompressedScheme scheme;
    bool all_linears = false;
    std::vector<NamePattern> targets;
  };
  std::vector<Group> groups_;
  std::vector<NamePattern> ignore_;
};

}  // namespace msmodelslim
