#pragma once
// Ranks that are threads of one process.

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/ranks.h"

namespace msmodelslim {

class RankWorld {
 public:
  // Rank 0 finds no more room behind `calls` collective calls; -1: never.
  explicit RankWorld(int size, int calls = -1)
      : size_(size), most_calls_(calls), slots_(static_cast<std::size_t>(size)) {}

  // body() of every rank; rethrows the first exception. A rank that throws stops the others.
  void run(const std::function<void(Ranks&)>& body) {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size_; ++rank)
      threads.emplace_back([this, rank, &body] {
        Member member(*this, rank);
        try {
          body(member);
        } catch (...) {
          const std::lock_guard lock(mutex_);
          if (!failure_) failure_ = std::current_exception();
          changed_.notify_all();
        }
      });
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
  }
  int calls() const { return calls_; }  // of rank 0

 private:
  class Member : public Ranks {
   public:
    Member(RankWorld& world, int rank) : world_(world), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return world_.size_; }
    void send(int to, const Bytes& message) override {
      const std::lock_guard lock(world_.mutex_);
      world_.mail_[{rank_, to}].push_back(message);
      world_.changed_.notify_all();
      count(message.size(), 1);
    }
    Bytes receive(int from) override {
      std::unique_lock lock(world_.mutex_);
      auto& box = world_.mail_[{from, rank_}];
      world_.wait(lock, [&] { return !box.empty(); });
      Bytes message = std::move(box.front());
      box.pop_front();
      return message;
    }
    void broadcast(int from, void* data, std::size_t bytes) override {
      const auto* own = static_cast<const std::byte*>(data);
      const auto all = world_.exchange(rank_, rank_ == from ? Bytes(own, own + bytes) : Bytes());
      const Bytes& message = all[static_cast<std::size_t>(from)];
      if (message.size() != bytes) throw DataError("ranks broadcast different sizes");
      std::copy(message.begin(), message.end(), static_cast<std::byte*>(data));
      if (rank_ == from) count(bytes, size() - 1);
    }
    std::vector<Bytes> gather(const Bytes& mine) override {
      count(mine.size(), size() - 1);
      return world_.exchange(rank_, mine);
    }

   private:
    RankWorld& world_;
    int rank_;
  };

  template <typename Condition>
  void wait(std::unique_lock<std::mutex>& lock, const Condition& condition) {
    changed_.wait(lock, [&] { return failure_ != nullptr || condition(); });
    if (failure_) throw ResourceError("another rank has failed");
  }

  // All ranks meet twice: when everybody has put in, and when everybody has taken out.
  std::vector<Bytes> exchange(int rank, const Bytes& mine) {
    std::unique_lock lock(mutex_);
    if (rank == 0 && calls_++ == most_calls_) throw ResourceError("no room");
    slots_[static_cast<std::size_t>(rank)] = mine;
    meet(lock);
    std::vector<Bytes> all = slots_;
    meet(lock);
    return all;
  }
  void meet(std::unique_lock<std::mutex>& lock) {
    const std::int64_t round = round_;
    if (++here_ == size_) {
      here_ = 0;
      ++round_;
      changed_.notify_all();
    }
    wait(lock, [&] { return round_ != round; });
  }

  int size_;
  int most_calls_;
  int calls_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr failure_;
  std::vector<Bytes> slots_;
  std::int64_t round_ = 0;
  int here_ = 0;
  std::map<std::pair<int, int>, std::deque<Bytes>> mail_;
};

}  // namespace msmodelslim
