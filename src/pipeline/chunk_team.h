#pragma once
// The chunks of one pass through a block when the calibration set is shared out over ranks.
//
// A linear with a running range quantizes a sample with what all samples before it have shown. So
// the chunks go through the block side by side: each stops in front of such a linear until all
// chunks, of all ranks, are there; then the ranks exchange the range of every sample (an exclusive
// scan, 8 bytes a sample), and each chunk goes on with those before its own. Every chunk has a
// thread of its own for its place in the block; one of them runs at a time.

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/ranks.h"
#include "quantize/sample_exchange.h"

namespace msmodelslim {

class ChunkTeam : public SampleExchange {
 public:
  ChunkTeam(Ranks& ranks, Block& block);

  // body(i) for this rank's chunks 0 .. count - 1. `waits`: linears may call before(); the call is
  // collective then. Exceptions are rethrown.
  void run(std::size_t count, bool waits, const std::function<void(std::size_t)>& body);
  // Of linears that have called before(): the ranges of all samples, in order.
  const std::map<std::string, std::vector<MinMax>>& ranges() const { return ranges_; }

  std::vector<MinMax> before(const Linear& linear, const std::vector<MinMax>& mine) override;
  std::size_t chunk() const override { return at_work_; }

 private:
  struct Member;
  class Team;
  std::int64_t place_of(const std::string& linear) const;
  // All that still run wait. False: none does, on any rank.
  bool exchange(std::vector<Member>& members);

  Ranks& ranks_;
  // Experts may be left out by a chunk; they and what lies behind them are told apart by number.
  std::map<std::string, std::int64_t> places_;
  std::map<std::string, std::vector<MinMax>> ranges_;
  std::int64_t last_place_ = 0;
  std::size_t at_work_ = 0;
  Team* team_ = nullptr;
};

}  // namespace msmodelslim
