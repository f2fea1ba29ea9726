// fa3_quant: what latent attention compares in 8 bits: scales of the absorbed queries per head, of
// the latent vectors as keys and as values. The pass that measures sees attention in float; later
// entries see it read the latent vectors as an engine does.

#include <algorithm>

#include "base/error.h"
#include "observe/latent_tap.h"
#include "pipeline/processors.h"

namespace msmodelslim {
namespace {

struct Branch {
  char letter;
  const char* name;
  const QConfig* config;  // null: stays float
  bool is_static() const { return config->scope == "per_head"; }
  bool is_fp8() const { return config->dtype == "fp8_e4m3"; }
  std::string kind() const {
    return fmt::format("{}{}", is_fp8() ? "FP8" : "INT8", is_static() ? "" : "_DYNAMIC");
  }
};

// Branches of the same kind stand together, in front of it; without letters if they are all three.
std::string attention_type(const std::vector<Branch>& branches) {
  std::vector<std::pair<std::string, std::string>> groups;  // kind, letters
  for (const Branch& branch : branches) {
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return group.first == branch.kind();
    });
    if (found == groups.end())
      groups.emplace_back(branch.kind(), std::string(1, branch.letter));
    else
      found->second += branch.letter;
  }
  std::string text;
  for (const auto& [kind, letters] : groups)
    text +=
        fmt::format("{}{}{}", text.empty() ? "" : "_", letters == "QKV" ? "" : letters + "_", kind);
  return text;
}

const QConfig* config_of(const std::optional<QConfig>& config) {
  return config ? &*config : nullptr;
}

class Fa3Processor : public Processor {
 public:
  Fa3Processor(const Fa3QuantStep& step, const ProcessorContext& context)
      : step_(step),
        context_(context),
        heads_(context.model->heads),
        indexer_(context.model->blocks.front().mla->indexer.has_value()) {
    if (indexer_) step_.v.reset();  // it has queries and keys only
    for (const Branch& branch :
         {Branch{'Q', "fa_q", config_of(step_.q)}, Branch{'K', "fa_k", config_of(step_.k)},
          Branch{'V', "fa_v", config_of(step_.v)}})
      if (branch.config != nullptr) branches_.push_back(branch);
  }
  const char* name() const override { return "fa3_quant"; }
  bool needs_data() const override { return step_.measures(); }

  std::vector<Tap*> prepare(BlockState& state) override {
    tap_.reset();
    const std::string attention = state.block->spec->attention_name();
    const bool has_points = !indexer_ || state.block->mla->indexer != nullptr;
    selected_ = has_points && !state.attention_quantized && !context_.excludes(attention) &&
                step_.filter.selects(attention);
    if (!selected_ || !needs_data()) return {};
    const bool queries = step_.q && step_.q->scope == "per_head";
    tap_ = std::make_unique<LatentTap>(*state.block->mla, heads_, queries);
    return {tap_.get()};
  }

  void finish(BlockState& state) override {
    if (!selected_) return;
    const std::string attention = state.block->spec->attention_name();
    if (tap_) check(attention);
    state.attention_quantized = true;
    for (const Branch& branch : branches_) {
      if (branch.is_static()) leave_scales(state, attention, branch);
      if (&branch != &branches_.front()) continue;
      const std::string module = indexer_ ? attention + ".indexer" : attention;
      ModuleTensor type{attention, module + kAttentionQuantType, {}, {}};
      type.says = attention_type(branches_);
      state.extras.push_back(std::move(type));
    }
    tap_.reset();
  }

 private:
  void check(const std::string& attention) const {
    if (!tap_->seen())
      throw DataError(fmt::format("{}: no calibration token reached it", attention),
                      "use a larger calibration set");
    if (!tap_->finite())
      throw DataError(
          fmt::format("{}: its queries or latent vectors have NaN or infinite values", attention),
          "a weight before it is damaged, or the model overflows; check the checkpoint");
  }

  void leave_scales(BlockState& state, const std::string& attention, const Branch& branch) const {
    std::vector<MinMax> ranges = tap_->queries();
    if (branch.letter != 'Q') ranges = {branch.letter == 'K' ? tap_->keys() : tap_->values()};
    std::vector<float> scales;
    for (const MinMax& range : ranges) scales.push_back(attention_scale(range, branch.is_fp8()));
    if (branch.letter == 'K') state.latent_cache = LatentScale{scales.front(), branch.is_fp8()};
    const Shape shape = {static_cast<std::int64_t>(scales.size()), 1};
    const std::string point = fmt::format("{}.{}.", attention, branch.name);
    state.extras.push_back({attention, point + "scale", from_f32(scales.data(), shape, DType::kF32),
                            LinearType::kFaQuant});
    state.extras.push_back({attention, point + "offset",
                            Tensor(branch.is_fp8() ? DType::kF32 : DType::kI8, shape),
                            LinearType::kFaQuant});
  }

  Fa3QuantStep step_;
  ProcessorContext context_;
  std::int64_t heads_;
  bool indexer_;                  // where it is instead of attention
  std::vector<Branch> branches_;  // those that are quantized
  bool selected_ = false;
  std::unique_ptr<LatentTap> tap_;
};

}  // namespace

std::unique_ptr<Processor> make_processor(const Fa3QuantStep& step, const Plan&,
                                          const ProcessorContext& context) {
  return std::make_unique<Fa3Processor>(step, context);
}

}  // namespace msmodelslim
