#include "observe/projection_tap.h"

#include <algorithm>

#include "forward/statistics_reader.h"

namespace msmodelslim {

ProjectionTap::ProjectionTap(const std::vector<Linear*>& linears, DType compute_dtype)
    : op_(compute_dtype) {
  for (Linear* linear : linears) linears_[linear->name()] = linear;
}

void ProjectionTap::see(const Linear& linear, const float* x, std::int64_t rows,
                        const std::vector<Sequence>& sequences) {
  if (rows == 0) return;
  const std::int64_t width = linear.spec().out;
  output_.resize(static_cast<std::size_t>(rows * width));
  op_.apply(*linears_.at(linear.name()), x, rows, sequences, output_.data());
  const ColumnRange seen = column_range(output_.data(), rows, width);
  const auto [known, is_first] = ranges_.try_emplace(linear.name(), seen);
  if (is_first) return;
  for (std::size_t j = 0; j < seen.min.size(); ++j) {
    known->second.min[j] = std::min(known->second.min[j], seen.min[j]);
    known->second.max[j] = std::max(known->second.max[j], seen.max[j]);
  }
}

void ProjectionTap::store(ByteWriter& out) const {
  out.value<std::uint8_t>(seen());
  for (const auto& [name, range] : ranges_) {
    out.values(range.min);
    out.values(range.max);
  }
}

void ProjectionTap::load(StatisticsReader& in) {
  if (in.value<std::uint8_t>() == 0) return;
  for (const auto& [name, linear] : linears_) {
    const auto width = static_cast<std::size_t>(linear->spec().out);
    ColumnRange& range = ranges_[name];
    range.min = in.values<float>(width);
    range.max = in.values<float>(width);
  }
}

}  // namespace msmodelslim
