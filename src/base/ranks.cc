#include "base/ranks.h"

#include <algorithm>
#include <numeric>

namespace msmodelslim {
namespace {

class LoneRank : public Ranks {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void send(int, const Bytes&) override {}
  Bytes receive(int) override { return {}; }
  void broadcast(int, void*, std::size_t) override {}
  std::vector<Bytes> gather(const Bytes& mine) override { return {mine}; }
};

}  // namespace

Ranks& lone_rank() {
  static LoneRank rank;
  return rank;
}

Bytes Ranks::broadcast_message(int from, Bytes message) {
  std::uint64_t size = message.size();
  broadcast(from, &size, sizeof(size));
  message.resize(size);
  if (size > 0) broadcast(from, message.data(), size);
  return message;
}

std::vector<Share> contiguous_shares(const std::vector<double>& costs, int size) {
  const double total = std::accumulate(costs.begin(), costs.end(), 0.0);
  std::vector<Share> shares(static_cast<std::size_t>(size));
  std::size_t at = 0;
  double before = 0;  // cost of the pieces in front of `at`
  for (int rank = 0; rank < size; ++rank) {
    Share& share = shares[static_cast<std::size_t>(rank)];
    share.begin = at;
    // A piece goes to the rank in whose part of the total its middle lies.
    const double border = total * (rank + 1) / size;
    while (at < costs.size() && (rank + 1 == size || before + costs[at] / 2 < border))
      before += costs[at++];
    share.end = at;
  }
  return shares;
}

std::vector<int> spread_owners(const std::vector<double>& costs, int size) {
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });
  std::vector<double> loads(static_cast<std::size_t>(size));
  std::vector<int> owners(costs.size());
  for (const std::size_t piece : order) {
    const auto least = std::min_element(loads.begin(), loads.end());
    *least += costs[piece];
    owners[piece] = static_cast<int>(least - loads.begin());
  }
  return owners;
}

}  // namespace msmodelslim
