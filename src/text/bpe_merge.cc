#include "text/bpe_merge.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <queue>
#include <unordered_map>
#include <utility>

namespace msmodelslim {
namespace {

constexpr std::size_t kScanLimit = 40;  // symbols; measured: above this the heap is faster
constexpr std::uint32_t kNoMerge = std::numeric_limits<std::uint32_t>::max();

struct Candidate {
  std::uint32_t rank;
  std::int32_t pos;  // of the left symbol
  std::int32_t new_id;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : pos > other.pos;
  }
};

// Symbols in a doubly linked list; a merged right neighbour is marked by id -1.
struct Symbol {
  std::int32_t id;
  std::int32_t previous;
  std::int32_t next;
};

class HeapMerger {
 public:
  // `unused`: see merge_word(); empty for none.
  HeapMerger(const std::vector<std::int32_t>& ids, const PairTable& merges,
             const std::vector<bool>& unused)
      : merges_(merges), unused_(unused) {
    const auto count = static_cast<std::int32_t>(ids.size());
    symbols_.reserve(ids.size());
    for (std::int32_t i = 0; i < count; ++i)
      symbols_.push_back({ids[static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
    for (std::int32_t i = 0; i + 1 < count; ++i) offer(i);
  }

  void run(std::vector<std::int32_t>& ids) {
    while (!queue_.empty()) {
      const Candidate top = queue_.top();
      queue_.pop();
      apply(top);
    }
    ids.clear();
    for (std::int32_t i = 0; i >= 0; i = at(i).next) append(at(i).id, ids);
  }

 private:
  Symbol& at(std::int32_t pos) { return symbols_[static_cast<std::size_t>(pos)]; }

  bool is_unused(std::int32_t id) const {
    return static_cast<std::size_t>(id) < unused_.size() && unused_[static_cast<std::size_t>(id)];
  }

  void offer(std::int32_t left) {
    const std::int32_t left_id = at(left).id;
    const std::int32_t right_id = at(at(left).next).id;
    const Merge* merge = merges_.find(left_id, right_id);
    if (merge == nullptr) return;
    queue_.push({merge->rank, left, merge->new_id});
    if (is_unused(merge->new_id)) cuts_[merge->new_id] = {left_id, right_id};
  }

  void append(std::int32_t id, std::vector<std::int32_t>& ids) const {
    const auto cut = is_unused(id) ? cuts_.find(id) : cuts_.end();
    if (cut == cuts_.end()) return ids.push_back(id);
    append(cut->second.first, ids);
    append(cut->second.second, ids);
  }

  void apply(const Candidate& candidate) {
    Symbol& left = at(candidate.pos);
    if (left.id < 0 || left.next < 0) return;
    Symbol& right = at(left.next);
    const Merge* merge = merges_.find(left.id, right.id);
    if (merge == nullptr || merge->new_id != candidate.new_id) return;  // out of date
    left.id = candidate.new_id;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) at(left.next).previous = candidate.pos;
    if (left.previous >= 0) offer(left.previous);
    if (left.next >= 0) offer(candidate.pos);
  }

  const PairTable& merges_;
  const std::vector<bool>& unused_;
  std::unordered_map<std::int32_t, std::pair<std::int32_t, std::int32_t>> cuts_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue_;
};

}  // namespace

void merge_word(std::vector<std::int32_t>& ids, const PairTable& merges) {
  if (ids.size() <= kScanLimit) {
    merge_word_by_scan(ids, merges);
  } else {
    static const std::vector<bool> none;
    HeapMerger(ids, merges, none).run(ids);
  }
}

void merge_word(std::vector<std::int32_t>& ids, const PairTable& merges,
                const std::vector<bool>& unused) {
  HeapMerger(ids, merges, unused).run(ids);
}

void merge_word_by_scan(std::vector<std::int32_t>& ids, const PairTable& merges) {
  if (ids.size() < 2) return;
  std::vector<Merge> pairs(ids.size() - 1);  // pairs[i]: what ids[i] and ids[i + 1] become
  const auto look_up = [&](std::size_t i) {
    const Merge* merge = merges.find(ids[i], ids[i + 1]);
    pairs[i] = merge != nullptr ? *merge : Merge{kNoMerge, -1};
  };
  for (std::size_t i = 0; i < pairs.size(); ++i) look_up(i);
  while (!pairs.empty()) {
    const auto best = std::min_element(
        pairs.begin(), pairs.end(), [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
    if (best->rank == kNoMerge) return;
    const auto i = static_cast<std::size_t>(best - pairs.begin());
    ids[i] = best->new_id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    pairs.erase(best);
    if (i < pairs.size()) look_up(i);
    if (i > 0) look_up(i - 1);
  }
}

}  // namespace msmodelslim
