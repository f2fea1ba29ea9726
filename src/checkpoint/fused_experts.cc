#include "checkpoint/fused_experts.h"

#include <algorithm>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy =
    "the checkpoint is incomplete, or config.json belongs to another model";
constexpr std::int64_t kMxBlock = 32;
constexpr std::int64_t kMostExperts = 1 << 16;

bool is_gpt_oss(const std::string& model_type) { return model_type == "gpt_oss"; }
bool is_qwen3_vl(const std::string& model_type) { return model_type.rfind("qwen3_vl_moe", 0) == 0; }
bool is_step(const std::string& model_type) { return model_type == "step3p5"; }
constexpr const char* kStepParts[] = {"gate_proj", "up_proj", "down_proj"};
bool is_qwen3_5(const std::string& model_type) { return model_type.rfind("qwen3_5_moe", 0) == 0; }

// Rows first, first + step, ... of a matrix are one projection.
struct Part {
  const char* name;
  std::int64_t first;
  std::int64_t step;
  std::int64_t rows;
};

class FusedFinder {
 public:
  FusedFinder(const CheckpointReader& reader, const std::string& model_type, std::int64_t hidden,
              CodedTensors& found)
      : reader_(reader),
        interleaved_(is_gpt_oss(model_type)),
        transposed_(interleaved_ || is_qwen3_vl(model_type)),
        hidden_(hidden),
        found_(found) {}

  void add(const std::string& name) {
    for (const char* part : kStepParts)
      if (const std::string suffix = fmt::format(".moe.{}.weight", part); name.ends_with(suffix))
        add_stack(name.substr(0, name.size() - suffix.size()) + ".moe.experts.", name, part);
    for (const bool both : {true, false}) {
      const std::string suffix = both ? ".experts.gate_up_proj" : ".experts.down_proj";
      const auto ends = [&](const char* more) { return name.ends_with(suffix + more); };
      const auto owner = [&](const char* more) {
        return name.substr(0, name.size() - suffix.size() - std::string(more).size()) + ".experts.";
      };
      if (ends("")) add_floats(owner(""), name, both);
      if (ends("_bias")) add_bias(owner("_bias"), name, both);
      if (ends("_blocks")) add_mx(owner("_blocks"), name, both);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw DataError(fmt::format("{}: {} {}", reader_.file_of(name), name, what), kRemedy);
  }

  TensorView experts(const std::string& name, std::size_t extents) const {
    const TensorView view = reader_.at(name);
    const bool fits =
        view.shape.size() == extents && view.count() > 0 && view.shape[0] <= kMostExperts;
    if (!fits)
      fail(name, fmt::format("is {}, expected {} extents, experts first", shape_text(view.shape),
                             extents));
    return view;
  }

  // Of the floats of these experts: by down_proj, whose outputs are `hidden_`.
  bool is_transposed(const std::string& owner) const {
    const std::string down = owner + "down_proj";
    if (interleaved_ || hidden_ == 0 || !reader_.has(down)) return transposed_;
    const TensorView view = experts(down, 3);
    if ((view.shape[1] == hidden_) == (view.shape[2] == hidden_)) return transposed_;
    return view.shape[2] == hidden_;
  }

  // The projections in a tensor of `rows` outputs.
  std::vector<Part> parts_of(const std::string& name, std::int64_t rows, bool both) const {
    if (!both) return {{"down_proj", 0, 1, rows}};
    if (rows % 2 != 0) fail(name, fmt::format("has {} outputs, which are not gate and up", rows));
    const std::int64_t half = rows / 2;
    if (interleaved_) return {{"gate_proj", 0, 2, half}, {"up_proj", 1, 2, half}};
    return {{"gate_proj", 0, 1, half}, {"up_proj", half, 1, half}};
  }

  void put(const std::string& owner, std::int64_t expert, const Part& part, const char* kind,
           WeightSource source, std::vector<std::string> parts, bool last) {
    CodedTensor tensor;
    tensor.source = std::move(source);
    tensor.parts = std::move(parts);
    tensor.drops = last;
    found_.tensors[fmt::format("{}{}.{}{}", owner, expert, part.name, kind)] = std::move(tensor);
  }

  static TensorView slice(const TensorView& view, std::int64_t begin, Shape shape) {
    return {view.dtype, std::move(shape),
            view.bytes + static_cast<std::size_t>(begin) * dtype_size(view.dtype)};
  }

  void add_floats(const std::string& owner, const std::string& name, bool both) {
    const TensorView view = experts(name, 3);
    if (!is_float(view.dtype)) fail(name, fmt::format("is {}", dtype_name(view.dtype)));
    const bool transposed = is_transposed(owner);
    const std::int64_t rows = view.shape[transposed ? 2 : 1];
    const std::int64_t columns = view.shape[transposed ? 1 : 2];
    for (std::int64_t e = 0; e < view.shape[0]; ++e)
      for (const Part& part : parts_of(name, rows, both)) {
        const Shape shape = {part.rows, columns};
        const std::int64_t begin = e * rows * columns;
        const bool last = e + 1 == view.shape[0];
        if (!transposed) {
          put(owner, e, part, ".weight", slice(view, begin + part.first * columns, shape), {name},
              last);
          continue;
        }
        CodedWeight weight;
        weight.codes = CodedWeight::Codes::kFloats;
        weight.data = slice(view, begin + part.first, {rows * columns - part.first});
        weight.rows = part.rows;
        weight.columns = columns;
        weight.row_step = part.step;
        weight.column_step = rows;
        weight.dtype = view.dtype;
        put(owner, e, part, ".weight", WeightSource(std::move(weight), shape), {name}, last);
      }
  }

  void add_stack(const std::string& owner, const std::string& name, const char* part) {
    const TensorView view = experts(name, 3);
    if (view.dtype == DType::kF8E4M3) return;
    if (!is_float(view.dtype))
      fail(name, fmt::format("is {}, expected F16, BF16 or F32", dtype_name(view.dtype)));
    const Shape shape = {view.shape[1], view.shape[2]};
    for (std::int64_t e = 0; e < view.shape[0]; ++e)
      put(owner, e, {part, 0, 1, shape[0]}, ".weight", slice(view, e * shape[0] * shape[1], shape),
          {name}, e + 1 == view.shape[0]);
  }

  void add_bias(const std::string& owner, const std::string& name, bool both) {
    const TensorView view = experts(name, 2);
    const std::int64_t rows = view.shape[1];
    const std::size_t size = dtype_size(view.dtype);
    for (std::int64_t e = 0; e < view.shape[0]; ++e)
      for (const Part& part : parts_of(name, rows, both)) {
        auto bias = std::make_shared<Tensor>(Tensor::uninitialized(view.dtype, {part.rows}));
        for (std::int64_t i = 0; i < part.rows; ++i)
          std::copy_n(slice(view, e * rows + part.first + i * part.step, {1}).bytes, size,
                      bias->bytes() + static_cast<std::size_t>(i) * size);
        found_.owned.push_back(bias);
        put(owner, e, part, ".bias", bias->view(), {name}, e + 1 == view.shape[0]);
      }
  }

  void add_mx(const std::string& owner, const std::string& name, bool both) {
    const std::string scales =
        name.substr(0, name.size() - std::string("blocks").size()) + "scales";
    const TensorView blocks = experts(name, 4);
    if (!reader_.has(scales)) fail(name, "has no " + scales);
    const TensorView scale = experts(scales, 3);
    const std::int64_t rows = blocks.shape[1];
    const std::int64_t columns = blocks.shape[2] * kMxBlock;
    const Shape wanted = {blocks.shape[0], rows, blocks.shape[2]};
    if (blocks.dtype != DType::kU8 || scale.dtype != DType::kU8 ||
        blocks.shape[3] * 2 != kMxBlock || scale.shape != wanted)
      fail(name,
           fmt::format("is {} {} with scales {} {}, which is not mxfp4", dtype_name(blocks.dtype),
                       shape_text(blocks.shape), dtype_name(scale.dtype), shape_text(scale.shape)));
    for (std::int64_t e = 0; e < blocks.shape[0]; ++e)
      for (const Part& part : parts_of(name, rows, both)) {
        const std::int64_t first = e * rows + part.first;
        const std::int64_t span = (part.rows - 1) * part.step + 1;
        CodedWeight weight;
        weight.codes = CodedWeight::Codes::kFp4;
        weight.data = slice(blocks, first * columns / 2, {span, columns / 2});
        weight.scale = slice(scale, first * blocks.shape[2], {span, blocks.shape[2]});
        weight.scale.dtype = DType::kF8E8M0;
        weight.rows = part.rows;
        weight.columns = columns;
        weight.column_block = kMxBlock;
        weight.row_step = part.step;
        put(owner, e, part, ".weight", WeightSource(std::move(weight), {part.rows, columns}),
            {name, scales}, e + 1 == blocks.shape[0]);
      }
  }

  const CheckpointReader& reader_;
  bool interleaved_;
  bool transposed_;
  std::int64_t hidden_;
  CodedTensors& found_;
};

}  // namespace

bool is_fused_expert(const std::string& name, const std::string& model_type) {
  if (is_step(model_type))
    return std::any_of(std::begin(kStepParts), std::end(kStepParts), [&](const char* part) {
      return name.ends_with(fmt::format(".moe.{}.weight", part));
    });
  if (!is_gpt_oss(model_type) && !is_qwen3_vl(model_type) && !is_qwen3_5(model_type)) return false;
  for (const char* projection : {".experts.gate_up_proj", ".experts.down_proj"})
    for (const char* more : {"", "_bias", "_blocks"})
      if (name.ends_with(std::string(projection) + more)) return true;
  return false;
}

std::string stacked_expert(const std::string& linear, std::int64_t expert) {
  const std::size_t dot = linear.rfind('.');
  return fmt::format("{}.experts.{}{}.weight", linear.substr(0, dot), expert, linear.substr(dot));
}

void find_fused_experts(const CheckpointReader& reader, const std::string& model_type,
                        std::int64_t hidden, CodedTensors& found) {
  FusedFinder finder(reader, model_type, hidden, found);
  const auto is_floats = [&](const std::string& name) {
    if (hidden == 0 || !is_fused_expert(name, "qwen3_5_moe")) return false;
    const TensorView view = reader.at(name);
    return view.shape.size() == 3 && is_float(view.dtype) &&
           (view.shape[1] == hidden || view.shape[2] == hidden);
  };
  for (const std::string& name : reader.names())
    if (is_fused_expert(name, model_type) || is_floats(name)) finder.add(name);
}

}  // namespace msmodelslim
