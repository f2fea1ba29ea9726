#include "advise/advice.h"

#include <fmt/format.h>

#include <algorithm>

#include "advise/plan_traits.h"
#include "pipeline/planned_linears.h"

namespace msmodelslim {
namespace {

using Lines = std::vector<std::string>;

constexpr double kGarbage = 200;         // perplexity of a model that talks nonsense
constexpr std::size_t kFewSamples = 10;  // the guide: 10 to 50
constexpr std::int64_t kFewTokens = 16;  // of an expert
constexpr std::size_t kShownLinears = 3;

void about_float(const AdviceFacts& facts, Lines* lines) {
  if (facts.float_perplexity && *facts.float_perplexity > kGarbage)
    lines->push_back(
        fmt::format("look at the float model first: its own perplexity on this text is {:.0f}; "
                    "evaluate it with "
                    "the same prompts and settings, and check tokenizer and chat template",
                    *facts.float_perplexity));
}

void about_outliers(const PlanTraits& traits, const AdviceFacts& facts, Lines* lines) {
  if (traits.weight_only || traits.learns_transform) return;
  const auto& blocks = facts.model->blocks;
  const bool can_rotate =
      !blocks.empty() &&
      std::all_of(blocks.begin(), blocks.end(), [](const auto& b) { return b.can_rotate(); });
  if (!traits.smooths) {
    lines->push_back(fmt::format(
        "suppress outliers: the recipe has nothing that does; {}iter_smooth (alpha 0.5 to 0.9)",
        can_rotate ? "quarot, with iter_smooth of up-down and ov behind it, or " : ""));
    return;
  }
  if (!traits.rotates && can_rotate)
    lines->push_back("add quarot in front: the recipe smooths but does not rotate");
  if (!traits.rotates && traits.smooth_alpha && *traits.smooth_alpha < 0.9)
    lines->push_back(fmt::format(
        "smooth more: alpha is {:g}; try up to 0.9, or flex_smooth_quant, which searches it",
        *traits.smooth_alpha));
}

void about_activations(const PlanTraits& traits, const AdviceFacts& facts, Lines* lines) {
  if (!traits.static_range) return;
  const auto linears = planned_linears(*facts.job, *facts.model);
  const auto count = std::count_if(linears.begin(), linears.end(), [](const PlannedLinear& linear) {
    return linear.type == "W8A8" || linear.type == "W8A8S";
  });
  std::string ways;
  if (traits.static_symmetric) ways += "symmetric: false, then ";
  if (traits.static_minmax) ways += "method: histogram, then ";
  lines->push_back(fmt::format(
      "scale activations better: {} of {} linears have one range for all tokens; {}pd_mix, then "
      "per_token (W8A8_DYNAMIC), which usually gains most",
      count, linears.size(), ways));
}

void about_weights(const PlanTraits& traits, Lines* lines) {
  if (traits.int4_nearest)
    lines->emplace_back(
        "round the int4 weights better: minmax -> ssz -> gptq -> autoround, or smaller groups");
  else if (traits.int4_ssz)
    lines->emplace_back(
        "round the int4 weights better: ssz -> gptq -> autoround, or smaller groups");
  if (traits.sparse)
    lines->emplace_back(
        "set fewer weights to zero: lower the sparsity ratio, or raise fraction within 0.01 to "
        "0.1");
  if (traits.int8_cache) lines->emplace_back("keep the KV cache float unless memory demands int8");
}

void about_calibration(const AdviceFacts& facts, Lines* lines) {
  const std::size_t samples = facts.job->samples.size();
  if (samples > 0)
    lines->push_back(fmt::format(
        "calibrate on text like your own (--calib_dataset): {} samples with {} tokens were used{}",
        samples, facts.summary->calibration_tokens,
        samples < kFewSamples ? "; 10 to 50 are usual" : ""));
  const auto& tokens = facts.summary->expert_tokens;
  const auto starved = std::count_if(tokens.begin(), tokens.end(),
                                     [](std::int64_t count) { return count < kFewTokens; });
  if (starved > 0)
    lines->push_back(
        fmt::format("use more calibration text: {} of {} experts saw fewer than {} tokens", starved,
                    tokens.size(), kFewTokens));
}

// The block across which the error grows most.
void about_blocks(const AdviceFacts& facts, Lines* lines) {
  if (!facts.summary->proof || facts.summary->proof->block_errors.size() < 2) return;
  const std::vector<double>& errors = facts.summary->proof->block_errors;
  std::size_t worst = 0;
  double most = 0;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const double growth = errors[i] - (i == 0 ? 0 : errors[i - 1]);
    if (growth <= most) continue;
    most = growth;
    worst = i;
  }
  const double share = most / *std::max_element(errors.begin(), errors.end());
  if (share > 2.0 / static_cast<double>(errors.size()))
    lines->push_back(
        fmt::format("keep {0} float (--exclude '{0}.*'): {1:.0f} % of the error arise there, "
                    "{2:.3f} of {3:.3f}",
                    facts.model->blocks[worst].name, 100 * share, most, errors.back()));
}

void about_linears(const PlanTraits& traits, const AdviceFacts& facts, Lines* lines) {
  std::vector<const LinearNote*> notes;
  for (const LinearNote& note : facts.summary->notes)
    if (note.error) notes.push_back(&note);
  std::stable_sort(notes.begin(), notes.end(), [](const LinearNote* a, const LinearNote* b) {
    return a->error->snr_db < b->error->snr_db;
  });
  if (traits.int4 && notes.size() > kShownLinears) {
    std::string worst;
    for (std::size_t i = 0; i < kShownLinears; ++i)
      worst += fmt::format("{}{} ({:.1f} dB)", i == 0 ? "" : ", ", notes[i]->name,
                           notes[i]->error->snr_db);
    lines->push_back("give 8 bits to the linears that lose most, such as " + worst);
  }
  std::int64_t quantized = 0;
  for (const LinearNote& note : facts.summary->notes)
    quantized += note.name.ends_with(".down_proj") && note.type != "FLOAT" ? 1 : 0;
  if (quantized > 0)
    lines->push_back(
        fmt::format("keep sensitive linears float: all {} down_proj first (--exclude "
                    "'*.down_proj'), then o_proj, "
                    "then by `msmodelslim analyze`; q, k and v, gate and up only together",
                    quantized));
}

}  // namespace

std::vector<std::string> advice_for(const AdviceFacts& facts) {
  const PlanTraits traits = traits_of(facts.job->plan);
  Lines lines;
  about_float(facts, &lines);
  about_outliers(traits, facts, &lines);
  about_activations(traits, facts, &lines);
  about_weights(traits, &lines);
  about_calibration(facts, &lines);
  about_blocks(facts, &lines);
  about_linears(traits, facts, &lines);
  lines.emplace_back("let `msmodelslim tune` search: it tries such changes and measures them");
  return lines;
}

}  // namespace msmodelslim
