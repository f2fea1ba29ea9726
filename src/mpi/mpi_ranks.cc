// The ranks of an `mpirun`. Built where MPI is, as a module of its own that is loaded only then:
// the program itself needs no MPI.
//
// Calls of MPI that fail end all processes with MPI's own message.

#include <mpi.h>
#include <strings.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "base/launched_ranks.h"

namespace msmodelslim {
namespace {

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

class MpiRanks : public LaunchedRanks {
 public:
  MpiRanks() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm_dup(MPI_COMM_WORLD, &failures_);
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void send(int to, const Bytes& message) override {
    const Inside inside(*this);
    const std::uint64_t bytes = message.size();
    MPI_Send(&bytes, 1, MPI_UINT64_T, to, 0, MPI_COMM_WORLD);
    in_pieces(bytes, [&](std::uint64_t at, int length) {
      MPI_Send(message.data() + at, length, MPI_BYTE, to, 0, MPI_COMM_WORLD);
    });
    count(bytes, 1);
  }

  Bytes receive(int from) override {
    const Inside inside(*this);
    std::uint64_t bytes = 0;
    MPI_Recv(&bytes, 1, MPI_UINT64_T, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    Bytes message(bytes);
    in_pieces(bytes, [&](std::uint64_t at, int length) {
      MPI_Recv(message.data() + at, length, MPI_BYTE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    });
    return message;
  }

  void broadcast(int from, void* data, std::size_t bytes) override {
    const Inside inside(*this);
    in_pieces(bytes, [&](std::uint64_t at, int length) {
      MPI_Bcast(static_cast<std::byte*>(data) + at, length, MPI_BYTE, from, MPI_COMM_WORLD);
    });
    if (from == rank_) count(bytes, size_ - 1);
  }

  std::vector<Bytes> gather(const Bytes& mine) override {
    const Inside inside(*this);
    const std::uint64_t bytes = mine.size();
    std::vector<std::uint64_t> sizes(static_cast<std::size_t>(size_));
    MPI_Allgather(&bytes, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, MPI_COMM_WORLD);
    std::vector<Bytes> all;
    for (int rank = 0; rank < size_; ++rank) {
      all.push_back(rank == rank_ ? mine : Bytes(sizes[static_cast<std::size_t>(rank)]));
      broadcast(rank, all.back().data(), all.back().size());
    }
    return all;
  }

  bool all_failed() override {
    using Clock = std::chrono::steady_clock;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibarrier(failures_, &request);
    // The lowest of several failed ranks gives up first and ends the others.
    const auto end = Clock::now() + std::chrono::milliseconds(2000 + 200 * rank_);
    int done = 0;
    while (done == 0 && Clock::now() < end) {
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return done != 0;
  }

  void finish() override {
    const char* level = std::getenv("MSMODELSLIM_LOG_LEVEL");
    if (level != nullptr && ::strcasecmp(level, "debug") == 0)
      std::fprintf(stderr, "rank %d: %.2f s CPU outside MPI, %.2f s inside\n", rank_,
                   cpu_seconds() - inside_, inside_);
    MPI_Finalize();
  }
  void stop_all(int code) override { MPI_Abort(MPI_COMM_WORLD, code); }

 private:
  // Counts CPU time inside MPI, where a rank that waits may be busy.
  class Inside {
   public:
    explicit Inside(MpiRanks& ranks) : ranks_(ranks) { ++ranks_.depth_; }
    ~Inside() {
      if (--ranks_.depth_ == 0) ranks_.inside_ += cpu_seconds() - start_;
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    MpiRanks& ranks_;
    double start_ = cpu_seconds();
  };

  // MPI counts in ints.
  template <typename Body>
  static void in_pieces(std::uint64_t bytes, const Body& body) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 30;
    for (std::uint64_t at = 0; at < bytes; at += kMost)
      body(at, static_cast<int>(std::min(kMost, bytes - at)));
  }

  int rank_ = 0;
  int size_ = 1;
  int depth_ = 0;
  double inside_ = 0;  // seconds
  MPI_Comm failures_ = MPI_COMM_NULL;
};

}  // namespace
}  // namespace msmodelslim

extern "C" msmodelslim::LaunchedRanks* msmodelslim_join_ranks() {
  return new msmodelslim::MpiRanks();
}
