#pragma once
// Shows taps the samples of all ranks: what this rank's chunks let them see is recorded, and behind
// the pass every rank shows all records to its taps, rank by rank and chunk by chunk. So each tap
// has on each rank what one tap would have on all samples. For taps that cannot be combined.

#include <map>
#include <vector>

#include "quantize/sample_exchange.h"

namespace msmodelslim {

class RelayTap : public Tap {
 public:
  // `heads`: of attention. `exchange` says which chunk is at work.
  RelayTap(std::vector<Tap*> taps, std::int64_t heads, const SampleExchange& exchange)
      : taps_(std::move(taps)), heads_(heads), exchange_(exchange) {}
  bool wants(const Linear& linear) const override;
  bool wants_cache() const override;
  bool wants_routing() const override;
  void see(const Linear& linear, const float* x, std::int64_t rows,
           const std::vector<Sequence>& sequences) override;
  void see_kv(const Block& block, const float* k, const float* v, std::int64_t rows,
              const std::vector<Sequence>& sequences) override;
  void see_latent(const Block& block, const float* q, const float* latent, std::int64_t rows,
                  const std::vector<Sequence>& sequences) override;
  void see_routing(const Block& block, const Routing& routing) override;

  // Collective.
  void replay(Ranks& ranks, Block& block);

 private:
  void show(ByteReader& record, Block& block) const;
  ByteWriter& record() { return records_[exchange_.chunk()]; }

  std::vector<Tap*> taps_;
  std::int64_t heads_;
  const SampleExchange& exchange_;
  std::map<std::size_t, ByteWriter> records_;  // of each chunk
};

}  // namespace msmodelslim
