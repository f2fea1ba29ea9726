#include "observe/rows.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "forward/statistics_reader.h"

namespace msmodelslim {
namespace {

std::int64_t total_rows(const std::vector<Sequence>& samples) {
  return samples.empty() ? 0 : samples.back().begin + samples.back().rows;
}

// True for `kept` of the numbers 0 .. total - 1, evenly spread.
bool falls_on(std::int64_t i, std::int64_t kept, std::int64_t total) {
  return (i + 1) * kept / total > i * kept / total;
}

}  // namespace

RowChoice spread_rows(const std::vector<Sequence>& samples, std::int64_t most) {
  const std::int64_t total = total_rows(samples);
  RowChoice choice(static_cast<std::size_t>(total));
  for (std::int64_t i = 0; i < total; ++i)
    choice[static_cast<std::size_t>(i)] =
        falls_on(i, most == 0 ? total : std::min(most, total), total);
  return choice;
}

RowChoice spread_samples(const std::vector<Sequence>& samples, std::int64_t most) {
  const std::int64_t total = total_rows(samples);
  RowChoice choice(static_cast<std::size_t>(total));
  const auto count = static_cast<std::int64_t>(samples.size());
  const std::int64_t kept =
      most == 0 || total <= most ? count : std::max<std::int64_t>(1, count * most / total);
  for (std::int64_t i = 0; i < count; ++i) {
    if (!falls_on(i, kept, count)) continue;
    const Sequence& sample = samples[static_cast<std::size_t>(i)];
    std::fill_n(choice.begin() + sample.begin, sample.rows, true);
  }
  return choice;
}

std::vector<Sequence> chosen_samples(const std::vector<Sequence>& samples,
                                     const RowChoice& choice) {
  std::vector<Sequence> chosen;
  std::int64_t begin = 0;
  for (Sequence sample : samples) {
    if (sample.rows == 0 || !choice[static_cast<std::size_t>(sample.begin)]) continue;
    sample.begin = begin;
    begin += sample.rows;
    chosen.push_back(sample);
  }
  return chosen;
}

RowsTap::RowsTap(const std::vector<std::string>& linears, RowChoice choice)
    : choice_(std::move(choice)),
      chosen_(static_cast<std::size_t>(std::count(choice_.begin(), choice_.end(), true))) {
  for (const std::string& name : linears) kept_[name];
}

void RowsTap::see(const Linear& linear, const float* x, std::int64_t rows,
                  const std::vector<Sequence>&) {
  Kept& kept = kept_.at(linear.name());
  const std::int64_t width = linear.spec().in;
  kept.values.reserve(chosen_ * static_cast<std::size_t>(width));
  for (std::int64_t r = 0; r < rows; ++r)
    if (kept.seen < choice_.size() && choice_[kept.seen++])
      kept.values.insert(kept.values.end(), x + r * width, x + (r + 1) * width);
}

void RowsTap::store(ByteWriter& out) const {
  for (const auto& [name, kept] : kept_) {
    out.value<std::uint64_t>(kept.seen);
    out.values(kept.values);
  }
}

void RowsTap::load(StatisticsReader& in) {
  for (auto& [name, kept] : kept_) {
    const auto seen = in.value<std::uint64_t>();
    in.note_reached(name, seen > 0);
    if (seen > choice_.size() || (in.sees_all(name) && seen > 0 && seen < choice_.size()))
      in.throw_wrong("another number of tokens");
    kept.seen = seen;
    const auto rows =
        std::count(choice_.begin(), choice_.begin() + static_cast<std::ptrdiff_t>(seen), true);
    kept.values = in.values<float>(static_cast<std::size_t>(rows * in.spec(name).in));
  }
}

MeanTap::MeanTap(const std::vector<std::string>& linears) {
  for (const std::string& name : linears) sums_[name];
}

void MeanTap::see(const Linear& linear, const float* x, std::int64_t rows,
                  const std::vector<Sequence>&) {
  Sum& sum = sums_.at(linear.name());
  const std::int64_t width = linear.spec().in;
  sum.values.resize(static_cast<std::size_t>(width));
  sum.rows += rows;
  parallel_ranges(width, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t j = begin; j < end; ++j)
        sum.values[static_cast<std::size_t>(j)] += static_cast<double>(std::fabs(x[r * width + j]));
  });
}

void MeanTap::store(ByteWriter& out) const {
  for (const auto& [name, sum] : sums_) {
    out.value(sum.rows);
    out.values(sum.values);
  }
}

void MeanTap::load(StatisticsReader& in) {
  for (auto& [name, sum] : sums_) {
    sum.rows = in.value<std::int64_t>();
    sum.values = in.of_inputs<double>(name);
    in.note_reached(name, sum.rows > 0);
  }
}

std::vector<float> MeanTap::mean(const std::string& linear) const {
  const Sum& sum = sums_.at(linear);
  std::vector<float> result(sum.values.size());
  std::transform(sum.values.begin(), sum.values.end(), result.begin(), [&](double value) {
    return static_cast<float>(value / static_cast<double>(sum.rows));
  });
  return result;
}

}  // namespace msmodelslim
