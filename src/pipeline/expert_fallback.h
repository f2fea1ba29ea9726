#pragma once
// What happens to experts that too few calibration tokens go to, where an entry of the recipe needs
// data about them (static ranges, smoothing, gptq ...).
//
//   all_tokens  every token is shown to them, for the statistics only (default)
//   nearest     as many tokens as an expert gets on average: those with the highest router scores
//   dynamic     they go without data: plain rounding, no smoothing; static activations of all
//               experts of the layer become dynamic ones, since engines load a layer as one type
//   error       the run ends

#include <string>
#include <vector>

#include "pipeline/processor.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

// Throws UsageError for another name.
ExpertFallback expert_fallback_from_name(const std::string& name);

// Looks on for another tap, at some linears only.
class OnlyTap : public Tap {
 public:
  OnlyTap(Tap& inner, std::vector<std::string> linears)
      : inner_(inner), linears_(std::move(linears)) {}
  bool wants(const Linear& linear) const override;
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>& sequences) override {
    inner_.see(linear, x, rows, sequences);
  }
  bool combines() const override { return inner_.combines(); }
  void combine(Ranks& ranks) override { inner_.combine(ranks); }

 private:
  Tap& inner_;
  std::vector<std::string> linears_;
};

// The experts with fewer than `least` tokens that a tap or a quantizer at work wants to see; all
// false when there are none.
std::vector<bool> starved_experts(const BlockState& state, const std::vector<std::int64_t>& tokens,
                                  const std::vector<Tap*>& taps, std::int64_t least);

std::vector<std::string> linears_of(const Moe& moe, const std::vector<bool>& experts);

// dynamic: the quantizers at work go on without data.
void go_without_data(BlockState& state, const std::vector<bool>& starved);

// "model.layers.3.mlp: tokens per expert 3 to 240, median 31; none for 2: 17, 40"
std::string coverage_text(const std::string& layer, const std::vector<std::int64_t>& tokens);

}  // namespace msmodelslim
