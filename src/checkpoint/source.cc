#include "checkpoint/source.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/fused_experts.h"
#include "checkpoint/pack_int32.h"

namespace msmodelslim {
namespace {

using Codes = CodedWeight::Codes;

struct Method {
  const char* name;
  bool read;
};
// Values of quantization_config.quant_method. Of others the tensors decide.
constexpr std::array<Method, 19> kMethods = {{{"fp8", true},
                                              {"fbgemm_fp8", true},
                                              {"compressed-tensors", true},
                                              {"gptq", false},
                                              {"awq", false},
                                              {"gptq_marlin", false},
                                              {"awq_marlin", false},
                                              {"auto-round", false},
                                              {"bitsandbytes", false},
                                              {"modelopt", true},
                                              {"mxfp4", true},
                                              {"hqq", false},
                                              {"aqlm", false},
                                              {"quanto", false},
                                              {"torchao", false},
                                              {"eetq", false},
                                              {"vptq", false},
                                              {"bitnet", false},
                                              {"quark", false}}};

constexpr const char* kRemedy =
    "give the model as its makers released it (BF16, or FP8 in blocks); read besides: "
    "compressed-tensors int4, int8, fp8, NVFP4 and MXFP4, NVFP4 of ModelOpt, MXFP4 of GPT-OSS";

// Tensors that say how codes are laid out in ways that are not read.
constexpr std::array<std::pair<const char*, const char*>, 8> kForeign = {
    {{".qweight", "GPTQ or AWQ"},
     {".qzeros", "GPTQ or AWQ"},
     {".weight.absmax", "bitsandbytes"},
     {".weight.quant_map", "bitsandbytes"},
     {".SCB", "bitsandbytes"},
     {".weight_g_idx", "compressed-tensors with activation order in groups"},
     {".bitmask", "compressed-tensors with sparse weights"},
     {"_proj_blocks", "MXFP4 of fused experts"}}};

constexpr std::array<const char*, 8> kDropped = {
    ".input_scale", ".input_zero_point", ".input_activation_scale", ".k_scale",
    ".v_scale",     ".output_scale",     ".activation_scale",       ".input_global_scale"};

[[noreturn]] void refuse(const std::string& folder, const std::string& method,
                         const std::string& why) {
  throw DataError(fmt::format("{}: the weights are quantized by {} ({}), which is not read", folder,
                              method, why),
                  kRemedy);
}

// The value of `key` at the top, or in the part for the text model.
Json config_value(const Json& config, const char* key) {
  if (!config.is_object()) return {};
  if (config.contains(key)) return config.at(key);
  for (const auto& [name, value] : config.items())
    if (value.is_object() && value.contains(key)) return value.at(key);
  return {};
}

DType values_dtype(const Json& config) {
  Json name = config_value(config, "torch_dtype");
  if (!name.is_string()) name = config_value(config, "dtype");
  if (name == "float16") return DType::kF16;
  if (name == "float32") return DType::kF32;
  return DType::kBF16;
}

std::string text_model_type(const Json& config) {
  if (!config.is_object()) return "";
  const Json type = config_value(config.value("text_config", config), "model_type");
  return type.is_string() ? type.get<std::string>() : "";
}

// 0 when it is not known.
std::int64_t text_hidden_size(const Json& config) {
  if (!config.is_object()) return 0;
  const Json hidden = config_value(config.value("text_config", config), "hidden_size");
  return hidden.is_number_unsigned() ? hidden.get<std::int64_t>() : 0;
}

class Finder {
 public:
  Finder(const CheckpointReader& reader, const Json& config, std::optional<DType> values)
      : reader_(reader), quantization_(config_value(config, "quantization_config")) {
    dtype_ = values ? *values : values_dtype(config);
    model_type_ = text_model_type(config);
    hidden_ = text_hidden_size(config);
    const Json size = config_value(quantization_, "weight_block_size");
    if (!size.is_array() || size.size() != 2) return;
    constexpr std::uint64_t kLargestBlock = 1 << 30;
    for (std::size_t i = 0; i < 2; ++i)
      if (size[i].is_number_unsigned() && size[i] > 0 && size[i] <= kLargestBlock)
        block_[i] = size[i].get<std::int64_t>();
  }

  void refuse_unread() const {
    const Json method = config_value(quantization_, "quant_method");
    for (const Method& known : kMethods)
      if (method == known.name && !known.read)
        refuse(reader_.folder(), known.name, "quant_method in config.json");
    for (const std::string& name : reader_.names())
      for (const auto& [suffix, what] : kForeign)
        if (name.ends_with(suffix) && !is_fused_expert(name, model_type_))
          refuse(reader_.folder(), what, "tensor " + name);
    if (quantization_.is_object() && !quantization_.empty() && !method.is_string())
      refuse(reader_.folder(), "a method without a name", "quantization_config in config.json");
  }

  CodedTensors find() {
    for (const std::string& name : reader_.names()) {
      if (name.ends_with(".weight_packed"))
        add_packed(name.substr(0, name.size() - std::string(".weight_packed").size()));
      else if (name.ends_with(".weight"))
        add_weight(name.substr(0, name.size() - std::string(".weight").size()));
      for (const char* suffix : kDropped)
        if (name.ends_with(suffix)) found_.dropped.insert(name);
    }
    // Without codes such names mean something else.
    if (found_.tensors.empty()) found_.dropped.clear();
    find_fused_experts(reader_, model_type_, hidden_, found_);
    return std::move(found_);
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw DataError(fmt::format("{}: {} {}", reader_.file_of(name), name, what), kRemedy);
  }

  std::string scale_of(const std::string& linear) const {
    for (const char* suffix : {".weight_scale_inv", ".weight_scale", ".scale"})
      if (reader_.has(linear + suffix)) return linear + suffix;
    return "";
  }

  void add_weight(const std::string& linear) {
    const std::string name = linear + ".weight";
    const TensorView view = reader_.at(name);
    const bool bytes = view.dtype == DType::kI8 || view.dtype == DType::kU8;
    if (view.dtype != DType::kF8E4M3 && !bytes) return;
    const std::string scale = scale_of(linear);
    if (scale.empty())
      fail(name, fmt::format("is {}, but there is no {}.weight_scale_inv or weight_scale",
                             dtype_name(view.dtype), linear));
    if (view.shape.size() == 3 && !bytes && is_fused_expert(name, model_type_)) {
      add_stack(linear, name, scale);
      return;
    }
    if (view.shape.size() != 2 || view.count() == 0) fail(name, "is no matrix");
    CodedWeight weight;
    weight.data = view;
    weight.rows = view.shape[0];
    weight.columns = view.shape[1];
    const DType of_scale = reader_.at(scale).dtype;
    const bool nvfp4 = view.dtype == DType::kU8 && of_scale == DType::kF8E4M3;
    if (bytes && (of_scale == DType::kF8E8M0 || nvfp4)) {
      weight.codes = Codes::kFp4;
      weight.columns *= 2;
    } else {
      weight.codes = bytes ? Codes::kInt8 : Codes::kE4M3;
      if (view.dtype == DType::kU8) fail(name, "is U8 without scales that are exponents");
    }
    finish(linear, name, scale, std::move(weight));
  }

  // E4M3 of all experts of a projection [experts, rows, columns], with scales for each.
  void add_stack(const std::string& linear, const std::string& name, const std::string& scale) {
    const TensorView view = reader_.at(name);
    const TensorView scales = reader_.at(scale);
    if (view.count() == 0 || scales.shape.size() != 3 || scales.shape[0] != view.shape[0] ||
        !is_float(scales.dtype))
      fail(scale, fmt::format("is {} {}, which does not fit {}", dtype_name(scales.dtype),
                              shape_text(scales.shape), shape_text(view.shape)));
    const auto matrix = [](const TensorView& all, std::int64_t e) {
      TensorView one{all.dtype, {all.shape[1], all.shape[2]}, all.bytes};
      one.bytes += static_cast<std::size_t>(e * one.count()) * dtype_size(all.dtype);
      return one;
    };
    for (std::int64_t e = 0; e < view.shape[0]; ++e) {
      CodedWeight weight;
      weight.data = matrix(view, e);
      weight.scale = matrix(scales, e);
      weight.rows = view.shape[1];
      weight.columns = view.shape[2];
      weight.dtype = dtype_;
      set_blocks(scale, weight);
      CodedTensor tensor;
      tensor.parts = {name, scale};
      tensor.drops = e + 1 == view.shape[0];
      tensor.source = WeightSource(std::move(weight), {view.shape[1], view.shape[2]});
      found_.tensors[stacked_expert(linear, e)] = std::move(tensor);
    }
  }

  void add_packed(const std::string& linear) {
    const std::string name = linear + ".weight_packed";
    const TensorView view = reader_.at(name);
    if (view.dtype != DType::kU8) {
      add_words(linear);
      return;
    }
    if (view.shape.size() != 2 || view.count() == 0) fail(name, "is no matrix");
    CodedWeight weight;
    weight.codes = Codes::kFp4;
    weight.data = view;
    weight.rows = view.shape[0];
    weight.columns = view.shape[1] * 2;
    finish(linear, name, linear + ".weight_scale", std::move(weight));
  }

  void add_words(const std::string& linear) {
    const std::string name = linear + ".weight_packed";
    const TensorView view = reader_.at(name);
    if (view.dtype != DType::kI32 || view.shape.size() != 2 || view.count() == 0)
      fail(name, "is no I32 matrix");
    CodedWeight weight;
    weight.codes = Codes::kWords;
    weight.data = view;
    weight.rows = view.shape[0];
    weight.columns = view.shape[1] * 8;
    weight.bits = 4;
    if (const auto shape = reader_.find(linear + ".weight_shape")) {
      std::array<std::int64_t, 2> size{};
      if (shape->count() != 2 || (shape->dtype != DType::kI64 && shape->dtype != DType::kI32))
        fail(linear + ".weight_shape", "must be two numbers");
      for (std::size_t i = 0; i < 2; ++i)
        size[i] = shape->dtype == DType::kI64 ? shape->as<std::int64_t>()[i]
                                              : shape->as<std::int32_t>()[i];
      const bool fits = size[0] == weight.rows && size[1] >= 1 && size[1] <= weight.columns;
      weight.columns = size[1];
      weight.bits = fits && packed_words(size[1], 4) == view.shape[1] ? 4 : 8;
      if (!fits || packed_words(size[1], weight.bits) != view.shape[1])
        fail(name, fmt::format("is {}, which cannot hold {} of 4 or 8 bits", shape_text(view.shape),
                               shape_text({size[0], size[1]})));
    }
    finish(linear, name, linear + ".weight_scale", std::move(weight));
  }

  // What one scale is for, by the shape of the scales.
  void set_blocks(const std::string& scale, CodedWeight& weight) const {
    const Shape& shape = weight.scale.shape;
    const std::int64_t rows = weight.rows;
    const std::int64_t columns = weight.columns;
    const auto pieces = [](std::int64_t whole, std::int64_t block) {
      return (whole + block - 1) / block;
    };
    if (weight.scale.count() == 1) {
      weight.row_block = rows;
      weight.column_block = columns;
    } else if (weight.scale.count() == rows && shape[0] == rows) {
      weight.column_block = columns;
    } else if (shape.size() == 2 && shape[0] == rows && shape[1] > 0 && columns % shape[1] == 0) {
      weight.column_block = columns / shape[1];
    } else if (shape.size() == 2 && shape[0] == pieces(rows, block_[0]) &&
               shape[1] == pieces(columns, block_[1])) {
      weight.row_block = block_[0];
      weight.column_block = block_[1];
    } else {
      fail(scale,
           fmt::format("is {}, which fits neither rows, groups nor blocks of [{}, {}] of {}",
                       shape_text(shape), block_[0], block_[1], shape_text({rows, columns})));
    }
  }

  std::shared_ptr<const std::vector<float>> zero_points(const std::string& name,
                                                        const CodedWeight& weight) const {
    const TensorView view = reader_.at(name);
    const std::int64_t groups = weight.column_blocks();
    const Shape shape = {weight.rows, groups};
    Tensor unpacked;
    const std::int8_t* codes = nullptr;
    if (weight.codes == Codes::kWords && view.dtype == DType::kI32 &&
        view.shape == Shape{packed_words(weight.rows, weight.bits), groups}) {
      unpacked = unpack_columns_int32(view, weight.bits, shape);
      codes = unpacked.as<std::int8_t>();
    } else if (view.dtype == DType::kI8 && view.count() == weight.scale.count()) {
      codes = view.as<std::int8_t>();
    } else {
      fail(name, fmt::format("is {} {}, which does not fit the scales", dtype_name(view.dtype),
                             shape_text(view.shape)));
    }
    return std::make_shared<std::vector<float>>(codes, codes + weight.scale.count());
  }

  // NVFP4: E4M3 scales of groups under one for the whole tensor.
  void add_outer(const std::string& linear, CodedWeight& weight, CodedTensor& tensor) const {
    if (weight.codes != Codes::kFp4 || weight.scale.dtype != DType::kF8E4M3) return;
    std::string name = linear + ".weight_scale_2";
    weight.outer_divides = !reader_.has(name);
    if (weight.outer_divides) name = linear + ".weight_global_scale";
    if (!reader_.has(name)) fail(linear + ".weight_scale", "has no " + name + " beside it");
    weight.outer = reader_.at(name);
    if (!is_float(weight.outer->dtype) || weight.outer->count() != 1)
      fail(name, "must be one float number");
    tensor.parts.push_back(name);
  }

  void finish(const std::string& linear, const std::string& data, const std::string& scale,
              CodedWeight weight) {
    if (!reader_.has(scale)) fail(data, "has no " + scale);
    weight.scale = reader_.at(scale);
    weight.dtype = dtype_;
    const DType type = weight.scale.dtype;
    const bool fp4 = weight.codes == Codes::kFp4;
    const bool exponents =
        type == DType::kF8E8M0 || (type == DType::kU8 && (fp4 || weight.codes == Codes::kE4M3));
    if (!is_float(type) && !exponents && !(fp4 && type == DType::kF8E4M3))
      fail(scale, fmt::format("is {}, expected scales", dtype_name(type)));
    set_blocks(scale, weight);
    CodedTensor tensor;
    tensor.parts = {data, scale};
    add_outer(linear, weight, tensor);
    if (const std::string zero = linear + ".weight_zero_point"; reader_.has(zero)) {
      weight.zero = zero_points(zero, weight);
      tensor.parts.push_back(zero);
    }
    if (reader_.has(linear + ".weight_shape")) tensor.parts.push_back(linear + ".weight_shape");
    const Shape shape = {weight.rows, weight.columns};
    tensor.source = WeightSource(std::move(weight), shape);
    found_.tensors[linear + ".weight"] = std::move(tensor);
  }

  const CheckpointReader& reader_;
  Json quantization_;
  std::string model_type_;
  std::int64_t hidden_ = 0;  // 0: not known
  DType dtype_ = DType::kBF16;
  std::array<std::int64_t, 2> block_ = {128, 128};
  CodedTensors found_;
};

}  // namespace

CheckpointReader open_source(const std::string& folder, std::optional<DType> values) {
  CheckpointReader reader(folder);
  if (!find_description(folder).empty())
    throw DataError(fmt::format("{}: is quantized already: it holds {}", folder,
                                fs::path(find_description(folder)).filename().string()),
                    "give the float model that it was made from, or turn the folder back into one: "
                    "msmodelslim convert");
  const std::string path = (fs::path(folder) / "config.json").string();
  std::error_code ec;
  const Json config = fs::exists(path, ec) ? read_json_file(path) : Json::object();
  Finder finder(reader, config, values);
  finder.refuse_unread();
  reader.show_decoded(finder.find());
  return reader;
}

}  // namespace msmodelslim
