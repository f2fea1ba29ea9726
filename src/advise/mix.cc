#include "advise/mix.h"

namespace msmodelslim {
namespace {

// The state of the search, in whole bits.
class Mix {
 public:
  explicit Mix(const std::vector<MixPart>& parts) : parts_(parts), chosen_(parts.size()) {
    for (const MixPart& part : parts) {
      weights_ += part.weights;
      bits_ += part.options.front().bits;
    }
  }

  // Takes the step with the most loss saved per bit that leaves at most `most` bits per weight.
  bool step(double most) {
    double best = 0;
    std::size_t part = 0;
    std::size_t option = 0;
    for (std::size_t p = 0; p < parts_.size(); ++p)
      for (std::size_t o = chosen_[p] + 1; o < parts_[p].options.size(); ++o) {
        const double more = parts_[p].options[o].bits - now(p).bits;
        const double saved = now(p).loss - parts_[p].options[o].loss;
        if (more <= 0 || (bits_ + more) / weights_ > most || saved / more <= best) continue;
        best = saved / more;
        part = p;
        option = o;
      }
    if (best <= 0) return false;
    bits_ += parts_[part].options[option].bits - now(part).bits;
    chosen_[part] = option;
    return true;
  }

  MixPoint point() const {
    double loss = 0;
    for (std::size_t p = 0; p < parts_.size(); ++p) loss += now(p).loss;
    return {chosen_, bits_ / weights_, loss};
  }

 private:
  const MixOption& now(std::size_t part) const { return parts_[part].options[chosen_[part]]; }

  const std::vector<MixPart>& parts_;
  Assignment chosen_;
  double weights_ = 0;
  double bits_ = 0;
};

}  // namespace

std::vector<MixPoint> mix_path(const std::vector<MixPart>& parts) {
  constexpr double kNoLimit = 1e9;
  Mix mix(parts);
  std::vector<MixPoint> path = {mix.point()};
  while (mix.step(kNoLimit)) path.push_back(mix.point());
  return path;
}

MixPoint mix_for_bits(const std::vector<MixPart>& parts, double bits) {
  Mix mix(parts);
  while (mix.step(bits)) {
  }
  return mix.point();
}

}  // namespace msmodelslim
