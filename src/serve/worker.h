#pragma once
// The thread that runs the model for all requests of a server.

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "runtime/scheduler.h"

namespace msmodelslim {

// Called on the worker's thread.
class TokenListener {
 public:
  virtual ~TokenListener() = default;
  virtual bool sampled(const Sampled& sampled) = 0;  // false: no more tokens are wanted
  // No more tokens come: the model could not be run.
  virtual void failed(const std::string& why) = 0;
};

struct WorkerCounts {
  std::int64_t running = 0;
  std::int64_t requests = 0;  // finished, one way or the other
  std::int64_t prompt_tokens = 0;
  std::int64_t answer_tokens = 0;
  std::int64_t kept_bytes = 0;  // keys and values of ended requests
};

// All functions are thread-safe.
class Worker {
 public:
  // `most_running`: as in Scheduler.
  Worker(ModelRunner& runner, std::vector<std::int32_t> end_ids, std::size_t most_running = 64);
  ~Worker();  // drops what is still running

  // Throws as Scheduler::check.
  void check(const std::vector<std::int32_t>& prompt, const SamplingParams& params) const {
    scheduler_.check(prompt, params);
  }
  // `listener` is kept until the answer ends or is cancelled. Returns a ticket for cancel().
  std::int64_t submit(std::vector<std::int32_t> prompt, const SamplingParams& params,
                      std::shared_ptr<TokenListener> listener);
  void cancel(std::int64_t ticket);
  WorkerCounts counts() const;

 private:
  struct Submission {
    std::int64_t ticket;
    std::vector<std::int32_t> prompt;
    SamplingParams params;
    std::shared_ptr<TokenListener> listener;
  };
  struct Cancellation {
    std::int64_t ticket;
  };
  struct Client {
    std::int64_t ticket;
    std::shared_ptr<TokenListener> listener;
  };
  void work();
  void take_in(std::vector<std::variant<Submission, Cancellation>> orders);
  void run_once();
  void count(const Scheduler::Progress& progress);
  void count_ended(std::int64_t sequences);
  void fail_all(const std::string& why);

  Scheduler scheduler_;                     // of the worker's thread but for check()
  std::map<std::int64_t, Client> clients_;  // by request of the scheduler; the worker's thread
  mutable std::mutex mutex_;                // guards all below
  std::condition_variable changed_;
  std::vector<std::variant<Submission, Cancellation>> orders_;
  WorkerCounts counts_;
  std::int64_t next_ticket_ = 1;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace msmodelslim
