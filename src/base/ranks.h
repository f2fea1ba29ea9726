#pragma once
// The processes that work on one command together. Every one is a rank; all of them run the same
// program on the same arguments, and rank 0 writes. A process that runs alone is rank 0 of 1.
//
// What is not said to be of two ranks is collective: all of them make the same calls in the same
// order.

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace msmodelslim {

class Ranks {
 public:
  virtual ~Ranks() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // From one rank to another, which waits for it; in the order of the calls.
  virtual void send(int to, const Bytes& message) = 0;
  virtual Bytes receive(int from) = 0;
  // `bytes` is the same number everywhere.
  virtual void broadcast(int from, void* data, std::size_t bytes) = 0;
  // The messages of all ranks, in their order.
  virtual std::vector<Bytes> gather(const Bytes& mine) = 0;

  bool alone() const { return size() == 1; }
  bool is_root() const { return rank() == 0; }
  // A message whose length only the sender knows.
  Bytes broadcast_message(int from, Bytes message);
  // Payload that left this rank up to now, once per rank that it went to.
  std::uint64_t bytes_sent() const { return sent_; }

 protected:
  void count(std::size_t bytes, int receivers) {
    sent_ += bytes * static_cast<std::uint64_t>(receivers);
  }

 private:
  std::uint64_t sent_ = 0;
};

// A process that runs alone.
Ranks& lone_rank();

// Of `count` pieces of work, those that `rank` of `size` takes when each costs what `costs` says:
// contiguous, in order, about the same cost for each. All ranks together take all.
struct Share {
  std::size_t begin = 0;
  std::size_t end = 0;
};
std::vector<Share> contiguous_shares(const std::vector<double>& costs, int size);

// Who takes which piece when any may take any: the dearest piece first, each to the rank with the
// least so far, the lower rank first among equals.
std::vector<int> spread_owners(const std::vector<double>& costs, int size);

}  // namespace msmodelslim
