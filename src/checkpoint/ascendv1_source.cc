#include "checkpoint/ascendv1_source.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/ascendv1.h"

namespace msmodelslim {
namespace {

using Codes = CodedWeight::Codes;

constexpr const char* kRemedy = "give the float model that the folder was made from";
constexpr std::int64_t kMxColumns = 32;

// Tensors beside a linear's weight that only engines read.
constexpr std::array<const char*, 19> kEngineOnly = {".quant_bias",
                                                     ".input_scale",
                                                     ".input_offset",
                                                     ".deq_scale",
                                                     ".weight_scale",
                                                     ".weight_offset",
                                                     ".weight_scale_second",
                                                     ".weight_offset_second",
                                                     ".weight_dual_scale",
                                                     ".scale_bias",
                                                     ".svd_lowrank_l1",
                                                     ".svd_lowrank_l2",
                                                     ".kv_cache_scale",
                                                     ".kv_cache_offset",
                                                     ".scale",
                                                     ".offset",
                                                     "norm.module.weight",
                                                     "norm.module.bias",
                                                     ".quant_type"};

std::vector<float> floats(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  to_f32(view, values.data());
  return values;
}

class Folder {
 public:
  Folder(const CheckpointReader& reader, DType values)
      : reader_(reader),
        values_(values),
        types_(read_description(reader.folder())),
        mindie_(fs::path(find_description(reader.folder())).filename() != kDescriptionFile) {}

  CodedTensors read() {
    for (const std::string& name : reader_.names()) {
      const std::string type = type_of(name);
      if (name.ends_with(".heads_rotation") || name.ends_with(".kronecker_rotation_m"))
        fail(name, "is a rotation that engines apply to inputs, which a float model cannot hold");
      if (without_flatquant(type) != type)
        fail(name, "has FlatQuant's transform, which a float model cannot hold");
      if (type != "FLOAT" && name.ends_with(".weight")) add(name, type);
      if (is_engine_only(name, type)) found_.dropped.insert(name);
    }
    return std::move(found_);
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw DataError(fmt::format("{}: {} {}", reader_.folder(), name, what), kRemedy);
  }

  // FLOAT for tensors without an entry.
  std::string type_of(const std::string& name) const {
    if (!types_.contains(name) || !types_.at(name).is_string()) return "FLOAT";
    return types_.at(name).get<std::string>();
  }

  bool is_engine_only(const std::string& name, const std::string& type) const {
    const bool low_rank = name.ends_with(kLowRank1) || name.ends_with(kLowRank2);
    if (type == "FLOAT" && !low_rank) return false;
    return std::any_of(kEngineOnly.begin(), kEngineOnly.end(),
                       [&](const char* suffix) { return name.ends_with(suffix); });
  }

  void add(const std::string& name, const std::string& written) {
    const std::string linear = name.substr(0, name.size() - std::string(".weight").size());
    if (linear.ends_with("norm.module")) return;
    const auto type = linear_type_from_name(without_svd(written));
    if (!type) fail(name, "has the type " + written + ", which this program does not know");
    if (*type == LinearType::kW16A16S) return;
    const TensorView data = reader_.at(name);
    if (data.shape.size() != 2 || data.count() == 0) fail(name, "is no matrix");
    CodedWeight weight;
    weight.data = data;
    weight.rows = data.shape[0];
    weight.columns = data.shape[1];
    weight.dtype = values_;
    weight.column_block = weight.columns;
    if (is_float_format(*type))
      set_float_format(linear, *type, weight);
    else
      set_integers(linear, *type, weight);
    if (written != without_svd(written)) set_low_rank(linear, weight);
    const Shape shape = {weight.rows, weight.columns};
    CodedTensor tensor;
    tensor.parts = {name};
    tensor.source = WeightSource(std::move(weight), shape);
    found_.tensors[name] = std::move(tensor);
  }

  TensorView scale(const std::string& name, bool exponents) const {
    const TensorView view = reader_.at(name);
    if (exponents ? view.dtype != DType::kU8 : !is_float(view.dtype))
      fail(name, fmt::format("is {}, expected scales", dtype_name(view.dtype)));
    return view;
  }

  void set_float_format(const std::string& linear, LinearType type, CodedWeight& weight) const {
    const bool fp8 = type == LinearType::kFp8Dynamic || type == LinearType::kMxFp8;
    require(weight.data.dtype == (fp8 ? DType::kF8E4M3 : DType::kU8), linear, weight.data);
    weight.codes = fp8 ? Codes::kE4M3 : Codes::kFp4;
    if (!fp8) weight.columns *= 2;
    weight.column_block = is_mx(type) ? kMxColumns : weight.columns;
    weight.scale = scale(linear + ".weight_scale", is_mx(type));
    require_scales(linear, weight);
    if (type != LinearType::kMxFp4Dual) return;
    const std::string name = linear + ".weight_dual_scale";
    weight.outer = scale(name, false);
    const std::int64_t outer = weight.outer->count() / weight.rows;
    if (outer < 1 || outer * weight.rows != weight.outer->count())
      fail(name, fmt::format("is {}, which does not fit {} rows", shape_text(weight.outer->shape),
                             weight.rows));
    weight.outer_block =
        ((weight.columns + outer - 1) / outer + kMxColumns - 1) / kMxColumns * kMxColumns;
  }

  void set_integers(const std::string& linear, LinearType type, CodedWeight& weight) const {
    require(weight.data.dtype == DType::kI8, linear, weight.data);
    weight.codes = Codes::kInt8;
    const std::string scale_name = linear + ".weight_scale";
    if (!reader_.has(scale_name)) {
      set_static_scale(linear, weight);
      return;
    }
    weight.scale = scale(scale_name, false);
    if (type == LinearType::kW4A8Dynamic || type == LinearType::kW4A16) unpack_int4(weight);
    weight.column_block = weight.columns;
    if (reader_.has(linear + ".weight_scale_second")) {
      weight.outer = weight.scale;
      weight.outer_block = weight.columns;
      if (weight.outer->count() != 1 && weight.outer->count() != weight.rows)
        fail(scale_name, fmt::format("is {}, which does not fit {} rows",
                                     shape_text(weight.outer->shape), weight.rows));
      weight.scale = scale(linear + ".weight_scale_second", false);
    }
    set_groups(linear, weight);
    set_offset(linear, weight);
  }

  // [n, k] as it is, [n, k/2] pairs along columns, [n/2, k] pairs along rows.
  void unpack_int4(CodedWeight& weight) const {
    const std::int64_t rows = weight.scale.shape.empty() ? 0 : weight.scale.shape[0];
    if (rows == 2 * weight.rows) {
      weight.codes = Codes::kInt4Rows;
      weight.rows = rows;
    } else if (!mindie_) {
      weight.codes = Codes::kInt4Columns;
      weight.columns *= 2;
    }
  }

  // One scale for the tensor, a row, or a group of columns.
  void set_groups(const std::string& linear, CodedWeight& weight) const {
    const std::int64_t count = weight.scale.count();
    if (count == 1) {
      weight.row_block = weight.rows;
      return;
    }
    const std::int64_t groups = count / weight.rows;
    if (groups < 1 || groups * weight.rows != count || weight.columns % groups != 0)
      fail(linear + ".weight_scale",
           fmt::format("is {}, which does not fit {}", shape_text(weight.scale.shape),
                       shape_text({weight.rows, weight.columns})));
    weight.column_block = weight.columns / groups;
  }

  void set_offset(const std::string& linear, CodedWeight& weight) const {
    const auto offset = reader_.find(linear + ".weight_offset");
    if (!offset || weight.outer || !is_float(offset->dtype)) return;
    if (offset->count() != weight.scale.count())
      fail(linear + ".weight_offset",
           fmt::format("is {}, the scales are {}", shape_text(offset->shape),
                       shape_text(weight.scale.shape)));
    std::vector<float> values = floats(*offset);
    if (std::any_of(values.begin(), values.end(), [](float value) { return value != 0.0F; }))
      weight.zero = std::make_shared<const std::vector<float>>(std::move(values));
  }

  // deq_scale: fp32, or the bits of an fp32 as a 64-bit number.
  void set_static_scale(const std::string& linear, CodedWeight& weight) const {
    const TensorView deq = reader_.at(linear + ".deq_scale");
    const std::vector<float> inputs = floats(reader_.at(linear + ".input_scale"));
    if (inputs.empty()) fail(linear + ".input_scale", "is empty");
    const float input = inputs[0];
    auto made = std::make_shared<Tensor>(DType::kF32, Shape{deq.count()});
    for (std::int64_t i = 0; i < deq.count(); ++i)
      if (deq.dtype == DType::kI64)
        made->as<float>()[i] =
            std::bit_cast<float>(static_cast<std::int32_t>(deq.as<std::int64_t>()[i])) / input;
    if (deq.dtype != DType::kI64) {
      if (!is_float(deq.dtype)) fail(linear + ".deq_scale", "holds no numbers");
      const std::vector<float> values = floats(deq);
      for (std::size_t i = 0; i < values.size(); ++i) made->as<float>()[i] = values[i] / input;
    }
    weight.scale = made->view();
    weight.made_scale = std::move(made);
    set_groups(linear, weight);
  }

  void set_low_rank(const std::string& linear, CodedWeight& weight) const {
    const TensorView l1 = reader_.at(linear + "." + kLowRank1);
    const TensorView l2 = reader_.at(linear + "." + kLowRank2);
    auto branch = std::make_shared<CodedWeight::LowRank>();
    branch->rank = l1.shape.empty() ? 0 : l1.shape[0];
    if (l1.shape != Shape{branch->rank, weight.columns} ||
        l2.shape != Shape{weight.rows, branch->rank})
      fail(linear + "." + kLowRank1, "does not fit the weight");
    branch->l1 = floats(l1);
    branch->l2 = floats(l2);
    weight.low_rank = std::move(branch);
  }

  void require(bool good, const std::string& linear, const TensorView& view) const {
    if (!good) fail(linear + ".weight", fmt::format("is {}", dtype_name(view.dtype)));
  }

  void require_scales(const std::string& linear, const CodedWeight& weight) const {
    if (weight.scale.count() != weight.rows * weight.column_blocks())
      fail(linear + ".weight_scale",
           fmt::format("is {}, which does not fit {}", shape_text(weight.scale.shape),
                       shape_text({weight.rows, weight.columns})));
  }

  const CheckpointReader& reader_;
  DType values_;
  SortedJson types_;
  bool mindie_;
  CodedTensors found_;
};

}  // namespace

CheckpointReader open_ascendv1_source(const std::string& folder, DType values) {
  CheckpointReader reader(folder);
  reader.show_decoded(Folder(reader, values).read());
  return reader;
}

}  // namespace msmodelslim
