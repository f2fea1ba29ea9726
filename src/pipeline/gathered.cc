#include "pipeline/gathered.h"

#include "forward/statistics_reader.h"

namespace msmodelslim {

GatheredView view_of(const GatheredBlock& block) {
  GatheredView view;
  view.expert_tokens = block.expert_tokens;
  for (const auto& [entry, parts] : block.passes)
    view.passes[entry].assign(parts.begin(), parts.end());
  return view;
}

GatheredPass gather(const std::vector<Tap*>& taps, const BlockState& state) {
  GatheredPass parts;
  const auto add = [&](const auto& source) {
    ByteWriter writer;
    source.store(writer);
    parts.push_back(writer.take());
  };
  for (const Tap* tap : taps) add(*tap);
  for (const auto& [name, quantizer] : state.active) add(*quantizer);
  return parts;
}

void give(const std::vector<GatheredView::Part>& pass, const std::vector<Tap*>& taps,
          BlockState& state) {
  StatisticsReader reader(*state.block);
  if (pass.size() != taps.size() + state.active.size())
    reader.throw_wrong("another number of parts");
  auto part = pass.begin();
  for (Tap* tap : taps) {
    reader.open(*part++);
    tap->load(reader);
  }
  for (auto& [name, quantizer] : state.active) {
    reader.open(*part++);
    quantizer->load(reader);
  }
  reader.finish();
}

}  // namespace msmodelslim
