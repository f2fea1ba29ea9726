#pragma once
// How many tokens of the calibration set go to each expert of a block.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "forward/context.h"

namespace msmodelslim {

class ExpertCoverage : public Tap {
 public:
  bool wants(const Linear&) const override { return false; }
  bool wants_routing() const override { return true; }
  bool combines() const override { return true; }
  void combine(Ranks& ranks) override {
    ByteWriter writer;
    writer.values(tokens_);
    tokens_.clear();
    for (const Bytes& message : ranks.gather(writer.take())) {
      const auto part = ByteReader(message).values<std::int64_t>();
      tokens_.resize(std::max(tokens_.size(), part.size()));
      for (std::size_t e = 0; e < part.size(); ++e) tokens_[e] += part[e];
    }
  }
  void see(const Linear&, const float*, std::int64_t, const std::vector<Sequence>&) override {}
  void see_routing(const Block& block, const Routing& routing) override {
    tokens_.resize(block.moe->experts.size());
    for (std::int32_t expert : routing.experts)
      if (const auto at = static_cast<std::size_t>(expert); at < tokens_.size()) ++tokens_[at];
  }
  const std::vector<std::int64_t>& tokens() const { return tokens_; }  // empty: no pass

 private:
  std::vector<std::int64_t> tokens_;
};

}  // namespace msmodelslim
