#include "text/split.h"

#include <algorithm>

#include "base/error.h"

namespace msmodelslim {
namespace {

// Joins each span to the one before it where `joins(span, previous span)`.
template <typename Joins>
void join_spans(std::vector<Span>& spans, Joins joins) {
  std::size_t kept = 0;
  bool previous_match = false;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const Span span = spans[i];
    if (kept > 0 && joins(span.match, previous_match)) {
      spans[kept - 1].begin = std::min(spans[kept - 1].begin, span.begin);
      spans[kept - 1].end = std::max(spans[kept - 1].end, span.end);
    } else {
      spans[kept++] = span;
    }
    previous_match = span.match;
  }
  spans.resize(kept);
}

bool joins_previous(bool match, bool previous_match) { return match && !previous_match; }

}  // namespace

SplitBehavior read_behavior(const Component& component, const char* key) {
  const std::string name = component.text(key);
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  component.unsupported(fmt::format("the behavior \"{}\"", name));
}

void apply_behavior(SplitBehavior behavior, std::vector<Span>& spans) {
  switch (behavior) {
    case SplitBehavior::kIsolated:
      return;
    case SplitBehavior::kRemoved:
      std::erase_if(spans, [](const Span& span) { return span.match; });
      return;
    case SplitBehavior::kContiguous:
      join_spans(spans, [](bool match, bool previous_match) { return match == previous_match; });
      return;
    case SplitBehavior::kMergedWithPrevious:
      join_spans(spans, joins_previous);
      return;
    case SplitBehavior::kMergedWithNext:
      std::reverse(spans.begin(), spans.end());
      join_spans(spans, joins_previous);
      std::reverse(spans.begin(), spans.end());
      return;
  }
}

}  // namespace msmodelslim
