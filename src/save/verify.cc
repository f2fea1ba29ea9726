#include "save/verify.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/threads.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/reader.h"
#include "forward/input_rotation.h"
#include "quantize/mx.h"

namespace msmodelslim {
namespace {

const std::set<std::string>& global_keys() {
  static const std::set<std::string> keys = {"version",    "model_quant_type", "metadata",
                                             "group_size", "optional",         kFaQuantKey,
                                             kIndexerKey,  kKvCacheKeys[0],    kKvCacheKeys[1]};
  return keys;
}

// Rotations of a linear's input have no entry in the description.
bool is_rotation(const std::string& name) {
  return name.ends_with(kHeadsRotation) || name.ends_with(kKroneckerM) ||
         name.ends_with(kKroneckerN) || name == kNormRotation;
}

// Nor have the second copies of smoothed norms, when DeepSeek scripts write for old MindIE
// versions.
bool is_norm_copy(const std::string& name) {
  return name.ends_with("norm.module.weight") || name.ends_with("norm.module.bias");
}

class Check {
 public:
  Check(const std::string& folder, const ModelSpec& model, bool allow_mixed_groups)
      : reader_(folder), model_(model), folder_(folder), allow_mixed_(allow_mixed_groups) {
    const Json description = read_description(folder);
    for (const auto& [name, type] : description.items())
      if (type.is_string() && global_keys().count(name) == 0)
        types_[name] = type.get<std::string>();
    v0_ = !description.contains("optional");
    mindie_ = fs::path(find_description(folder)).filename() != kDescriptionFile;
    for (const char* key : kKvCacheKeys)
      kv_keys_ += description.value(key, "") == kKvCacheType ? 1 : 0;
    fa_key_ = description.value(kFaQuantKey, "") == kFaQuantType;
    group_size_ = description.value("group_size", std::int64_t{0});
    v1_mindie_ = mindie_ && description.begin().key() != "model_quant_type";
  }

  void contents(const std::vector<WrittenTensor>& written) {
    problems_ = find_changed_tensors(reader_, written);
  }

  void description() {
    for (const std::string& name : reader_.names())
      if (types_.count(name) == 0 && !is_rotation(name) && !(mindie_ && is_norm_copy(name)))
        problem("{} has no entry in the description", name);
    for (const auto& [name, type] : types_)
      if (!reader_.has(name) && !name.ends_with(kAttentionQuantType))
        problem("{} is described ({}) but not in the weights", name, type);
  }

  void model() {
    for (const LinearSpec& l : model_.loose) linear(l);
    if (!model_.has_forward()) return;
    is_float(model_.embedding + ".weight");
    is_float(model_.final_norm.name + ".weight");
    linear(model_.head);
    for (const BlockSpec& block : model_.blocks) {
      for (const LinearSpec* l : block.linears()) linear(*l);
      for (const NormSpec* norm : block.norms()) is_float(norm->name + ".weight");
      if (block.q_norm) is_float(block.q_norm->name + ".weight");
      if (block.k_norm) is_float(block.k_norm->name + ".weight");
      for (const auto& members : block.fused_groups()) group(members);
      if (block.moe) experts(*block.moe);
      for (const std::string& name : block.float_tensors()) is_float(name);
      if (block.has_keys()) kv_cache(block);
      if (block.mla) latent_attention(block);
    }
    if (fa_key_ != has_fa_scales_)
      problem("the key {} must be there if and only if attention has scales", kFaQuantKey);
    if (kv_keys_ != (kv_caches_ > 0 ? 2 : 0))
      problem("{} blocks have a quantized KV cache, {} of the keys {} and {} say so", kv_caches_,
              kv_keys_, kKvCacheKeys[0], kKvCacheKeys[1]);
  }

  void config() {
    const std::string path = (fs::path(folder_) / "config.json").string();
    const Json json = read_json_file(path);
    if (json.contains("quantization_config") && !mindie_)
      problem("config.json still has quantization_config: engines would read it instead of {}",
              kDescriptionFile);
  }

  std::vector<std::string> take() { return std::move(problems_); }

 private:
  template <typename... Args>
  void problem(fmt::format_string<Args...> format, Args&&... args) {
    problems_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  std::string type_of(const std::string& tensor) const {
    const auto it = types_.find(tensor);
    return it == types_.end() ? "" : it->second;
  }

  void is_float(const std::string& tensor) {
    if (type_of(tensor) != "FLOAT") problem("{} must be FLOAT in the description", tensor);
  }

  void linear(const LinearSpec& spec) {
    const std::string type_name = type_of(spec.name + ".weight");
    const bool flat = without_flatquant(type_name) != type_name;
    const std::string base_name = without_svd(without_flatquant(type_name));
    const auto type = linear_type_from_name(base_name);
    if (!type) {
      problem("{}.weight has the type \"{}\"", spec.name, type_name);
      return;
    }
    if (spec.bias && !reader_.has(spec.name + ".bias")) problem("{}.bias is missing", spec.name);
    for (const std::string& suffix : linear_type_suffixes(*type)) {
      if (mindie_ && suffix == "scale_bias") continue;
      const std::string name = spec.name + "." + suffix;
      if (!reader_.has(name))
        problem("{} is missing: a {} linear needs it", name, type_name);
      else if (type_of(name) != type_name)
        problem("{} is described as {}, its weight as {}", name, type_of(name), type_name);
      else
        shape(spec, *type, suffix, reader_.at(name));
    }
    if (flat)
      transform(spec, type_name);
    else if (base_name != type_name)
      low_rank(spec);
  }

  // Square matrices whose sizes make the linear's input; the attention output has none on the
  // right.
  void transform(const LinearSpec& spec, const std::string& weight_type) {
    const std::string bias = spec.name + ".bias";
    const std::string type = reader_.has(bias) ? type_of(bias) : weight_type;
    std::int64_t width = 1;
    for (const char* suffix : {kLeftTrans, kRightTrans, kClipRatio}) {
      const std::string name = spec.name + suffix;
      const bool ratio = suffix == kClipRatio;
      const auto view = reader_.find(name);
      if (!view) {
        if (suffix == kRightTrans && spec.role == Role::kAttentionOut) {
          width *= model_.head_dim;
          continue;
        }
        problem("{} is missing: the linear has a FlatQuant transform", name);
        return;
      }
      if (type_of(name) != type) problem("{} is {}, expected {}", name, type_of(name), type);
      const std::int64_t side = view->shape.empty() ? 0 : view->shape[0];
      if (view->dtype != (ratio ? DType::kF32 : model_.dtype) ||
          view->shape != (ratio ? Shape{1} : Shape{side, side})) {
        problem("{} is {} {}, expected {}", name, dtype_name(view->dtype), shape_text(view->shape),
                ratio ? "F32 [1]" : "a square matrix in the model's dtype");
        return;
      }
      if (!ratio) width *= side;
    }
    if (width != spec.in)
      problem("{}: its transform is of {} values, the input has {}", spec.name, width, spec.in);
    const float ratio = reader_.at(spec.name + kClipRatio).as<float>()[0];
    if (!(ratio > 0 && ratio <= 1))
      problem("{}{} is {}, expected above 0 and at most 1", spec.name, kClipRatio, ratio);
  }

  void low_rank(const LinearSpec& spec) {
    const std::string first = spec.name + "." + kLowRank1;
    const std::string second = spec.name + "." + kLowRank2;
    for (const std::string& name : {first, second}) {
      if (!reader_.has(name)) {
        problem("{} is missing: the linear has a low-rank branch", name);
        return;
      }
      is_float(name);
    }
    const TensorView l1 = reader_.at(first);
    const TensorView l2 = reader_.at(second);
    const std::int64_t rank = l1.shape.empty() ? 0 : l1.shape[0];
    if (l1.dtype != model_.dtype || l2.dtype != model_.dtype || l1.shape != Shape{rank, spec.in} ||
        l2.shape != Shape{spec.out, rank})
      problem("{} {} and {} {} are no low-rank branch of a [{}, {}] linear", first,
              shape_text(l1.shape), second, shape_text(l2.shape), spec.out, spec.in);
  }

  void shape(const LinearSpec& spec, LinearType type, const std::string& suffix,
             const TensorView& view) {
    const std::string name = spec.name + "." + suffix;
    Shape expected;
    bool dtype_fits = view.dtype == DType::kF32;
    if (is_float_format(type)) {
      const bool half =
          suffix == "weight" && type != LinearType::kFp8Dynamic && type != LinearType::kMxFp8;
      const std::int64_t columns = suffix == "weight" ? (half ? spec.in / 2 : spec.in)
                                   : is_mx(type)      ? (spec.in + kMxBlock - 1) / kMxBlock
                                                      : 1;
      expected = {spec.out, columns};
      if (suffix == "weight_dual_scale") expected = view.shape;  // its block is not written down
      const DType dtype = suffix == "weight" ? (half ? DType::kU8 : DType::kF8E4M3)
                          : is_mx(type) && suffix == "weight_scale" ? DType::kU8
                                                                    : DType::kF32;
      dtype_fits = view.dtype == dtype;
    } else if (suffix == "weight") {
      const bool packed =
          !mindie_ && (type == LinearType::kW4A8Dynamic ||
                       (type == LinearType::kW4A16 && group_size_ > 0 && spec.in > group_size_));
      const bool columns = !mindie_ && !packed && type == LinearType::kW4A16;
      expected = {packed ? spec.out / 2 : spec.out, columns ? spec.in / 2 : spec.in};
      const bool values = type == LinearType::kFloat || type == LinearType::kW16A16S;
      dtype_fits = values ? msmodelslim::is_float(view.dtype) : view.dtype == DType::kI8;
    } else if (suffix == "quant_bias") {
      expected = {spec.out};
      dtype_fits = view.dtype == DType::kI32;
    } else if (suffix == "deq_scale") {
      expected = {v0_ && view.shape == Shape{1} ? 1 : spec.out};  // 1: a scale per tensor
      const bool bits = model_.dtype != DType::kBF16 && !v1_mindie_;
      dtype_fits = view.dtype == (bits ? DType::kI64 : DType::kF32);
    } else if (suffix == "input_scale" || suffix == "input_offset") {
      expected = {1};
      dtype_fits = v0_ ? msmodelslim::is_float(view.dtype) : dtype_fits;
    } else if (suffix == "scale_bias") {
      const bool rows = spec.role == Role::kDown || spec.role == Role::kAttentionOut;
      expected = {spec.out, rows ? 16 : 1};
    } else {
      // One scale per row or per group of group_size_ columns: both have the same type name.
      const std::int64_t groups = view.shape.size() == 2 ? view.shape[1] : 1;
      const bool grouped = mindie_ ? groups > 0 && spec.in % groups == 0
                                   : group_size_ > 0 && groups == spec.in / group_size_;
      expected = {spec.out, grouped ? groups : 1};
      if (v0_ && view.shape == Shape{1}) expected = {1};  // one scale per tensor
      dtype_fits = v0_ ? msmodelslim::is_float(view.dtype) : dtype_fits;
    }
    if (view.shape != expected || !dtype_fits) {
      problem("{} is {} {}, expected shape {}", name, dtype_name(view.dtype),
              shape_text(view.shape), shape_text(expected));
      return;
    }
    if (view.dtype == DType::kU8) return;  // exponents
    if (suffix == "weight_scale" || suffix == "input_scale" || suffix == "deq_scale")
      if (const auto bad =
              scale_problem(name, view, suffix == "weight_scale" && may_be_negative(type)))
        problems_.push_back(*bad);
    if (type == LinearType::kW4A4Dynamic && suffix == "weight") int4(name, view);
  }

  // Asymmetric weights of autoround_quant have signed scales.
  static bool may_be_negative(LinearType type) {
    return type == LinearType::kW4A4Dynamic || type == LinearType::kW8A8Dynamic ||
           type == LinearType::kW8A16;
  }

  void int4(const std::string& name, const TensorView& view) {
    const auto* codes = view.as<std::int8_t>();
    const auto [low, high] = std::minmax_element(codes, codes + view.count());
    if (view.count() > 0 && (*low < -8 || *high > 7))
      problem("{} has codes from {} to {}, int4 goes from -8 to 7", name, *low, *high);
  }

  // All four tensors of a block or none.
  void kv_cache(const BlockSpec& block) {
    int found = 0;
    for (const std::string& projection : {block.k.name, block.v.name})
      for (const char* suffix : {".kv_cache_scale", ".kv_cache_offset"}) {
        const auto view = reader_.find(projection + suffix);
        if (!view) continue;
        ++found;
        const std::string name = projection + suffix;
        if (type_of(name) != kKvCacheType) problem("{} must be {}", name, kKvCacheType);
        if (view->dtype != model_.dtype || view->shape != Shape{block.k.out})
          problem("{} is {} {}, expected {} {}", name, dtype_name(view->dtype),
                  shape_text(view->shape), dtype_name(model_.dtype),
                  shape_text(Shape{block.k.out}));
        else if (name.ends_with("_scale"))
          if (const auto bad = scale_problem(name, *view)) problems_.push_back(*bad);
      }
    if (found != 0 && found != 4)
      problem("{} has {} of the 4 tensors of a KV cache", block.attention_name(), found);
    kv_caches_ += found > 0 ? 1 : 0;
  }

  // Scale and offset of every point, or none.
  void latent_attention(const BlockSpec& block) {
    for (const auto& [point, heads] : {std::pair{".fa_q", model_.heads},
                                       {".fa_k", std::int64_t{1}},
                                       {".fa_v", std::int64_t{1}}}) {
      const std::string name = block.attention_name() + point;
      const auto scale = reader_.find(name + ".scale");
      const auto offset = reader_.find(name + ".offset");
      if (!scale && !offset) continue;
      has_fa_scales_ = true;
      if (!scale || !offset || scale->dtype != DType::kF32 || scale->shape != Shape{heads, 1} ||
          offset->shape != scale->shape) {
        problem("{} needs a scale F32 [{},1] and an offset", name, heads);
        continue;
      }
      if (type_of(block.attention_name() + kAttentionQuantType).empty())
        problem("{} has scales, but {}{} is not described", name, block.attention_name(),
                kAttentionQuantType);
      if (const auto bad = scale_problem(name + ".scale", *scale)) problems_.push_back(*bad);
    }
  }

  // Engines look at the type of the first expert alone.
  void experts(const MoeSpec& moe) {
    const LinearSpec& first = moe.experts.front().gate;
    const std::string type = type_of(first.name + ".weight");
    for (const MlpSpec& expert : moe.experts)
      for (const LinearSpec* member : expert.linears())
        if (const std::string other = type_of(member->name + ".weight");
            other != type && !allow_mixed_)
          problem("{} is {} and {} is {}: engines load all experts of a layer as one type",
                  first.name, type, member->name, other);
  }

  void group(const std::vector<const LinearSpec*>& members) {
    const LinearSpec& first = *members.front();
    const std::string type = type_of(first.name + ".weight");
    for (const LinearSpec* member : members) {
      const std::string other = type_of(member->name + ".weight");
      if (other != type) {
        if (!allow_mixed_)
          problem("{} is {} and {} is {}: engines fuse them into {} and need one type", first.name,
                  type, member->name, other, first.group);
        continue;
      }
      for (const char* suffix :
           {".input_scale", ".input_offset", kLeftTrans, kRightTrans, kClipRatio})
        if (const auto bad = input_problem(reader_, first, *member, suffix))
          problems_.push_back(*bad);
    }
  }

  CheckpointReader reader_;
  const ModelSpec& model_;
  std::string folder_;
  bool allow_mixed_;
  std::map<std::string, std::string> types_;
  bool v0_ = false;
  bool mindie_ = false;
  bool v1_mindie_ = false;  // its model_quant_type comes last
  std::int64_t group_size_ = 0;
  int kv_keys_ = 0;  // global keys that announce an int8 KV cache
  int kv_caches_ = 0;
  bool fa_key_ = false;  // the same of quantized attention
  bool has_fa_scales_ = false;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> find_changed_tensors(const CheckpointReader& reader,
                                              const std::vector<WrittenTensor>& written) {
  std::vector<char> bad(written.size(), 0);
  parallel_for(static_cast<std::int64_t>(written.size()), [&](std::int64_t i) {
    const WrittenTensor& tensor = written[static_cast<std::size_t>(i)];
    const auto view = reader.find(tensor.name);
    bad[static_cast<std::size_t>(i)] = !view || view->dtype != tensor.dtype ||
                                       view->shape != tensor.shape ||
                                       hash128_bytes(view->bytes, view->byte_size()) != tensor.hash;
    if (view) reader.dont_need(tensor.name);
  });
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < written.size(); ++i)
    if (bad[i] != 0)
      problems.push_back(fmt::format("{} was not written as it was computed", written[i].name));
  return problems;
}

std::optional<std::string> input_problem(const CheckpointReader& reader, const LinearSpec& first,
                                         const LinearSpec& member, const std::string& suffix) {
  const auto a = reader.find(first.name + suffix);
  const auto b = reader.find(member.name + suffix);
  if (!a || !b || a->byte_size() != b->byte_size() ||
      std::memcmp(a->bytes, b->bytes, a->byte_size()) == 0)
    return std::nullopt;
  return fmt::format("{}{} differs from {}{}: engines keep one value for {}", member.name, suffix,
                     first.name, suffix, first.group);
}

std::optional<std::string> scale_problem(const std::string& name, const TensorView& view,
                                         bool negative_too) {
  for (std::int64_t i = 0; i < view.count(); ++i) {
    float value = 0;
    if (view.dtype == DType::kI64)
      value = std::bit_cast<float>(static_cast<std::int32_t>(view.as<std::int64_t>()[i]));
    else
      to_f32(TensorView{view.dtype, {1}, view.bytes + i * dtype_size(view.dtype)}, &value);
    if (!std::isfinite(value) || !(value > 0 || (negative_too && value < 0)))
      return fmt::format("{}[{}] is {}, a scale must be {}", name, i, value,
                         negative_too ? "finite and not 0" : "positive");
  }
  return std::nullopt;
}

std::vector<std::string> find_problems(const std::string& folder, const ModelSpec& model,
                                       const std::vector<WrittenTensor>& written,
                                       bool allow_mixed_groups) {
  Check check(folder, model, allow_mixed_groups);
  check.contents(written);
  check.description();
  check.model();
  check.config();
  return check.take();
}

void require_sound(const std::string& folder, const std::vector<std::string>& problems) {
  if (problems.empty()) return;
  std::string text;
  constexpr std::size_t kShown = 12;
  for (std::size_t i = 0; i < problems.size() && i < kShown; ++i) text += "\n  " + problems[i];
  if (problems.size() > kShown) text += fmt::format("\n  and {} more", problems.size() - kShown);
  throw DataError(fmt::format("{}: the folder did not pass its checks:{}", folder, text),
                  "nothing was published; if the disk is sound, please report this");
}

}  // namespace msmodelslim
