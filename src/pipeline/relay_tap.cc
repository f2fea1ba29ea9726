#include "pipeline/relay_tap.h"

#include <algorithm>

namespace msmodelslim {
namespace {

enum class Seen : std::uint8_t { kInput, kCache, kLatent, kRouting };

std::size_t size(std::int64_t rows, std::int64_t width) {
  return static_cast<std::size_t>(rows * width);
}

}  // namespace

bool RelayTap::wants(const Linear& linear) const {
  return std::any_of(taps_.begin(), taps_.end(), [&](Tap* tap) { return tap->wants(linear); });
}

bool RelayTap::wants_cache() const {
  return std::any_of(taps_.begin(), taps_.end(), [](Tap* tap) { return tap->wants_cache(); });
}

bool RelayTap::wants_routing() const {
  return std::any_of(taps_.begin(), taps_.end(), [](Tap* tap) { return tap->wants_routing(); });
}

void RelayTap::see(const Linear& linear, const float* x, std::int64_t rows,
                   const std::vector<Sequence>& sequences) {
  ByteWriter& to = record();
  to.value(Seen::kInput);
  to.text(linear.name());
  to.value(rows);
  to.values(sequences);
  to.values(x, size(rows, linear.spec().in));
}

void RelayTap::see_kv(const Block& block, const float* k, const float* v, std::int64_t rows,
                      const std::vector<Sequence>& sequences) {
  if (!wants_cache()) return;
  ByteWriter& to = record();
  to.value(Seen::kCache);
  to.value(rows);
  to.values(sequences);
  to.values(k, size(rows, block.spec->k.out));
  to.values(v, size(rows, block.spec->k.out));
}

void RelayTap::see_latent(const Block& block, const float* q, const float* latent,
                          std::int64_t rows, const std::vector<Sequence>& sequences) {
  if (!wants_cache()) return;
  const MlaSpec& spec = *block.mla->spec;
  ByteWriter& to = record();
  to.value(Seen::kLatent);
  to.value(rows);
  to.values(sequences);
  to.values(q, size(rows, heads_ * (spec.nope + spec.rope)));
  to.values(latent, size(rows, spec.latent + spec.rope));
}

void RelayTap::see_routing(const Block&, const Routing& routing) {
  if (!wants_routing()) return;
  ByteWriter& to = record();
  to.value(Seen::kRouting);
  to.value(routing.rows);
  to.value(routing.per_token);
  to.values(routing.experts);
  to.values(routing.weights);
}

void RelayTap::replay(Ranks& ranks, Block& block) {
  ByteWriter mine;
  mine.value<std::uint64_t>(records_.size());
  const std::vector<Bytes> counts = ranks.gather(mine.take());
  for (int rank = 0; rank < ranks.size(); ++rank) {
    const auto count = ByteReader(counts[static_cast<std::size_t>(rank)]).value<std::uint64_t>();
    for (std::uint64_t i = 0; i < count; ++i) {
      Bytes message;
      if (rank == ranks.rank()) {
        message = records_.begin()->second.take();
        records_.erase(records_.begin());
      }
      message = ranks.broadcast_message(rank, std::move(message));
      ByteReader record(message);
      while (!record.at_end()) show(record, block);
    }
  }
}

void RelayTap::show(ByteReader& record, Block& block) const {
  const auto kind = record.value<Seen>();
  if (kind == Seen::kRouting) {
    Routing routing;
    routing.rows = record.value<std::int64_t>();
    routing.per_token = record.value<std::int64_t>();
    routing.experts = record.values<std::int32_t>();
    routing.weights = record.values<float>();
    for (Tap* tap : taps_) tap->see_routing(block, routing);
    return;
  }
  const std::string name = kind == Seen::kInput ? record.text() : "";
  const auto rows = record.value<std::int64_t>();
  const auto sequences = record.values<Sequence>();
  const auto first = record.values<float>();
  if (kind == Seen::kInput) {
    const std::vector<Linear*> linears = block.linears();
    const auto linear = std::find_if(linears.begin(), linears.end(),
                                     [&](const Linear* l) { return l->name() == name; });
    if (linear == linears.end()) throw DataError(fmt::format("{} is not in this block", name));
    for (Tap* tap : taps_)
      if (tap->wants(**linear)) tap->see(**linear, first.data(), rows, sequences);
    return;
  }
  const auto second = record.values<float>();
  for (Tap* tap : taps_)
    if (kind == Seen::kCache)
      tap->see_kv(block, first.data(), second.data(), rows, sequences);
    else
      tap->see_latent(block, first.data(), second.data(), rows, sequences);
}

}  // namespace msmodelslim
