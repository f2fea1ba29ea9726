#include "forward/statistics_reader.h"

namespace msmodelslim {

StatisticsReader::StatisticsReader(Block& block)
    : block_(block.spec), where_(block.spec->name), bytes_(std::span<const std::byte>()) {
  for (const Linear* linear : block.linears()) specs_[linear->name()] = &linear->spec();
}

StatisticsReader::StatisticsReader(const Linear& linear)
    : where_(linear.name()), bytes_(std::span<const std::byte>()) {
  specs_[linear.name()] = &linear.spec();
}

void StatisticsReader::open(std::span<const std::byte> part) {
  finish();
  bytes_ = ByteReader(part);
}

void StatisticsReader::finish() const {
  if (!bytes_.at_end()) throw_wrong("more than is expected");
}

const LinearSpec& StatisticsReader::spec(const std::string& linear) const {
  return *specs_.at(linear);
}

void StatisticsReader::note_reached(const std::string& linear, bool reached) {
  if (reached_.emplace(linear, reached).first->second != reached)
    throw_wrong("values of some kinds only");
}

bool StatisticsReader::sees_all(const std::string& linear) const {
  return linear.find(".experts.") == std::string::npos;
}

void StatisticsReader::throw_wrong(const char* what) const {
  throw DataError(fmt::format("the statistics of {} are of another model or damaged: they hold {}",
                              where_, what),
                  "make them again with --stats_out");
}

}  // namespace msmodelslim
