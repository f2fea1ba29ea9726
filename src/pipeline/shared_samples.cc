#include "pipeline/shared_samples.h"

#include <algorithm>

namespace msmodelslim {
namespace {

std::string reason_of(const Step& step) {
  if (std::holds_alternative<AutoroundStep>(step.value)) return "autoround_quant";
  if (std::holds_alternative<FlatQuantStep>(step.value)) return "flatquant";
  if (const auto* linear = std::get_if<LinearQuantStep>(&step.value);
      linear != nullptr && linear->act.method == "histogram")
    return "a histogram of activations";
  if (const auto* group = std::get_if<GroupStep>(&step.value))
    for (const Step& child : group->steps)
      if (std::string reason = reason_of(child); !reason.empty()) return reason;
  return "";
}

}  // namespace

std::string reason_for_whole_set(const Plan& plan, const ModelSpec& model) {
  if (plan.v0) return "modelslim_v0";
  if (model.shares_choices()) return "blocks that share an indexer's choice";
  for (const Step& step : plan.steps)
    if (std::string reason = reason_of(step); !reason.empty()) return reason;
  return "";
}

std::int64_t chunk_rows_of(const ModelSpec& model, const SharedSamples::Ids& samples) {
  constexpr std::int64_t kLeast = 512;  // the products' own tiles
  constexpr std::int64_t kChunks = 16;
  if (std::any_of(model.blocks.begin(), model.blocks.end(),
                  [](const BlockSpec& block) { return block.moe.has_value(); }))
    return kChunkRows;
  std::int64_t rows = 0;
  for (const auto& ids : samples) rows += static_cast<std::int64_t>(ids.size());
  return std::clamp(rows / kChunks / kLeast * kLeast, kLeast, kChunkRows);
}

SharedSamples::SharedSamples(Ranks& ranks, const Ids& samples, std::int64_t chunk_rows, bool split)
    : ranks_(ranks), samples_(samples), split_(split && !ranks.alone()) {
  std::int64_t at = 0;
  for (const auto& ids : samples) {
    const auto count = static_cast<std::int64_t>(ids.size());
    sequences_.push_back({at, count, 0});
    at += count;
  }
  std::vector<double> costs;
  std::vector<std::size_t> first_samples = {0};
  const auto add = [&](std::int64_t, std::int64_t rows_of_chunk, Context& context) {
    costs.push_back(static_cast<double>(rows_of_chunk));
    first_samples.push_back(first_samples.back() + context.sequences.size());
  };
  for_each_chunk(sequences_, chunk_rows, add);
  for (const Share& share : contiguous_shares(costs, ranks.size()))
    shares_.push_back({first_samples[share.begin], first_samples[share.end]});
}

SharedSamples::Ids SharedSamples::mine() const {
  if (!split_) return samples_;
  const Share& share = shares_[static_cast<std::size_t>(ranks_.rank())];
  return {samples_.begin() + static_cast<std::ptrdiff_t>(share.begin),
          samples_.begin() + static_cast<std::ptrdiff_t>(share.end)};
}

std::int64_t SharedSamples::rows() const {
  return sequences_.empty() ? 0 : sequences_.back().begin + sequences_.back().rows;
}

std::int64_t SharedSamples::longest() const {
  std::int64_t most = 1;
  for (const Sequence& s : sequences_) most = std::max(most, s.rows);
  return most;
}

std::size_t SharedSamples::first_row(int rank) const {
  if (rank == ranks_.size()) return static_cast<std::size_t>(rows());
  const std::size_t sample = shares_[static_cast<std::size_t>(rank)].begin;
  return static_cast<std::size_t>(sample < sequences_.size() ? sequences_[sample].begin : rows());
}

PackedStates SharedSamples::whole(const PackedStates& mine, const std::string& scratch) {
  PackedStates all;
  all.sequences = sequences_;
  all.rows = rows();
  all.width = mine.width;
  all.chunk_rows = mine.chunk_rows;
  all.values = FloatBuffer(scratch);
  const auto width = static_cast<std::size_t>(all.width);
  all.values.reset(static_cast<std::size_t>(all.rows) * width);
  std::copy_n(mine.values.data(), mine.values.size(),
              all.values.data() + first_row(ranks_.rank()) * width);
  for (int rank = 0; rank < ranks_.size(); ++rank)
    ranks_.broadcast(rank, all.values.data() + first_row(rank) * width,
                     (first_row(rank + 1) - first_row(rank)) * width * sizeof(float));
  return all;
}

FloatBuffer SharedSamples::at_root(const PackedStates& mine, const std::string& scratch) {
  FloatBuffer all(scratch);
  if (!ranks_.is_root()) {
    ByteWriter writer;
    writer.values(mine.values.data(), mine.values.size());
    ranks_.send(0, writer.take());
    return all;
  }
  all.reset(static_cast<std::size_t>(rows() * mine.width));
  std::copy_n(mine.values.data(), mine.values.size(), all.data());
  std::size_t at = mine.values.size();
  for (int rank = 1; rank < ranks_.size(); ++rank) {
    const Bytes message = ranks_.receive(rank);
    const auto values = ByteReader(message).values<float>();
    std::copy(values.begin(), values.end(), all.data() + at);
    at += values.size();
  }
  return all;
}

void SharedSamples::from_root(const FloatBuffer& all, PackedStates& mine) {
  if (!ranks_.is_root()) {
    const Bytes message = ranks_.receive(0);
    const auto values = ByteReader(message).values<float>();
    std::copy(values.begin(), values.end(), mine.values.data());
    return;
  }
  const auto width = static_cast<std::size_t>(mine.width);
  std::copy_n(all.data(), mine.values.size(), mine.values.data());
  for (int rank = 1; rank < ranks_.size(); ++rank) {
    ByteWriter writer;
    writer.values(all.data() + first_row(rank) * width,
                  (first_row(rank + 1) - first_row(rank)) * width);
    ranks_.send(rank, writer.take());
  }
}

}  // namespace msmodelslim
