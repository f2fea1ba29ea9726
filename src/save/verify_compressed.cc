#include "save/verify_compressed.h"

#include <fmt/format.h>

#include <set>

#include "checkpoint/compressed_config.h"
#include "checkpoint/pack_int32.h"
#include "checkpoint/reader.h"
#include "save/verify.h"

namespace msmodelslim {
namespace {

// What a tensor has to be.
struct Expected {
  Shape shape;
  std::optional<DType> dtype;    // nothing: any float, as the source had it
  bool may_be_negative = false;  // a scale
  bool fits(const TensorView& view) const {
    return view.shape == shape && (dtype ? view.dtype == *dtype : is_float(view.dtype));
  }
  std::string text() const {
    return fmt::format("{} {}", dtype ? dtype_name(*dtype) : "float", shape_text(shape));
  }
};

class Check {
 public:
  Check(const std::string& folder, const ModelSpec& model, bool allow_mixed_groups)
      : reader_(folder), model_(model), allow_mixed_(allow_mixed_groups) {
    if (CompressedConfig::present(folder)) config_ = CompressedConfig::read(folder);
  }

  std::vector<std::string> run(const std::vector<WrittenTensor>& written,
                               const std::set<std::string>& copied) {
    known_ = copied;
    problems_ = find_changed_tensors(reader_, written);
    for (const LinearSpec& l : model_.loose) linear(l);
    if (model_.has_forward()) ends();
    for (const BlockSpec& block : model_.blocks) {
      for (const LinearSpec* l : block.linears()) linear(*l);
      for (const NormSpec* n : block.norms()) norm(*n);
      if (block.q_norm) norm(*block.q_norm);
      if (block.k_norm) norm(*block.k_norm);
      for (const auto& members : block.fused_groups()) group(members);
      if (block.moe) experts(*block.moe);
      for (const std::string& name : block.float_tensors()) copied_tensor(name);
    }
    for (const std::string& name : reader_.names())
      if (known_.count(name) == 0) problem("{}: no module of an engine takes this tensor", name);
    return std::move(problems_);
  }

 private:
  template <typename... Args>
  void problem(fmt::format_string<Args...> format, Args&&... args) {
    problems_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  std::optional<CompressedScheme> scheme_of(const LinearSpec& spec) const {
    return config_ ? config_->scheme_of(spec.name) : std::nullopt;
  }

  void ends() {
    float_tensor(model_.embedding + ".weight", {model_.vocab, model_.hidden});
    float_tensor(model_.final_norm.name + ".weight", {model_.final_norm.size});
    linear(model_.head);
    if (const auto& hyper = model_.head_hyper)
      for (const std::string& name : {hyper->fn, hyper->base, hyper->scale}) copied_tensor(name);
  }

  void norm(const NormSpec& spec) { float_tensor(spec.name + ".weight", {spec.size}); }

  void float_tensor(const std::string& name, const Shape& shape) { tensor(name, {shape, {}}); }

  // Shapes of these were checked in the source. A table of experts holds numbers of them.
  void copied_tensor(const std::string& name) {
    const auto view = reader_.find(name);
    if (view && (view->dtype == DType::kI32 || view->dtype == DType::kI64))
      tensor(name, {view->shape, view->dtype});
    else
      float_tensor(name, view ? view->shape : Shape{});
  }

  void tensor(const std::string& name, const Expected& expected) {
    known_.insert(name);
    const auto view = reader_.find(name);
    if (!view)
      problem("{} is missing", name);
    else if (!expected.fits(*view))
      problem("{} is {} {}, expected {}", name, dtype_name(view->dtype), shape_text(view->shape),
              expected.text());
    else if (name.ends_with("_scale") && view->dtype != DType::kU8)  // exponents always are
      if (const auto bad = scale_problem(name, *view, expected.may_be_negative))
        problems_.push_back(*bad);
  }

  void linear(const LinearSpec& spec) {
    if (spec.bias || reader_.has(spec.name + ".bias"))
      float_tensor(spec.name + ".bias", {spec.out});
    const auto scheme = scheme_of(spec);
    if (!scheme) {
      float_tensor(spec.name + ".weight", {spec.out, spec.in});
      return;
    }
    for (const std::string& suffix : compressed_suffixes(*scheme))
      tensor(spec.name + "." + suffix, expected_of(spec, *scheme, suffix));
    if (!scheme->packed) return;
    const auto shape = reader_.find(spec.name + ".weight_shape");
    if (shape && shape->dtype == DType::kI64 && shape->count() == 2 &&
        (shape->as<std::int64_t>()[0] != spec.out || shape->as<std::int64_t>()[1] != spec.in))
      problem("{}.weight_shape is not {}", spec.name, shape_text({spec.out, spec.in}));
  }

  Expected expected_of(const LinearSpec& spec, const CompressedScheme& scheme,
                       const std::string& suffix) const {
    const std::int64_t groups = scheme.groups(spec.in);
    if (scheme.weight != CompressedScheme::Weight::kInt) {
      if (suffix == "weight") return {{spec.out, spec.in}, DType::kF8E4M3};
      if (suffix == "weight_packed") return {{spec.out, spec.in / 2}, DType::kU8};
      if (scheme.is_mx()) return {{spec.out, groups}, DType::kU8};
    }
    if (suffix == "weight") return {{spec.out, spec.in}, DType::kI8};
    if (suffix == "weight_packed")
      return {{spec.out, packed_words(spec.in, scheme.bits)}, DType::kI32};
    if (suffix == "weight_zero_point")
      return {{packed_words(spec.out, scheme.bits), groups}, DType::kI32};
    if (suffix == "weight_shape") return {{2}, DType::kI64};
    if (suffix == "input_scale") return {{1}, DType::kF32};
    if (suffix == "input_zero_point") return {{1}, DType::kI8};
    // full_range of autoround_quant; beside quantized activations it is refused.
    return {{spec.out, groups}, model_.dtype, scheme.packed};
  }

  void experts(const MoeSpec& moe) {
    const LinearSpec& first = moe.experts.front().gate;
    for (const MlpSpec& expert : moe.experts)
      for (const LinearSpec* member : expert.linears())
        if (scheme_of(*member) != scheme_of(first) && !allow_mixed_)
          problem(
              "{} and {} are quantized differently: engines load all experts of a layer as one "
              "type",
              first.name, member->name);
  }

  void group(const std::vector<const LinearSpec*>& members) {
    const LinearSpec& first = *members.front();
    const auto scheme = scheme_of(first);
    for (const LinearSpec* member : members) {
      if (scheme_of(*member) != scheme) {
        if (!allow_mixed_)
          problem("{} and {} are quantized differently: engines fuse them into {}", first.name,
                  member->name, first.group);
        continue;
      }
      for (const char* suffix : {".input_scale", ".input_zero_point"})
        if (const auto bad = input_problem(reader_, first, *member, suffix))
          problems_.push_back(*bad);
    }
  }

  CheckpointReader reader_;
  const ModelSpec& model_;
  bool allow_mixed_;
  std::optional<CompressedConfig> config_;
  std::set<std::string> known_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> find_compressed_problems(const std::string& folder, const ModelSpec& model,
                                                  const std::vector<WrittenTensor>& written,
                                                  bool allow_mixed_groups,
                                                  const std::set<std::string>& copied) {
  return Check(folder, model, allow_mixed_groups).run(written, copied);
}

}  // namespace msmodelslim
