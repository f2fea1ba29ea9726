#include "serve/worker.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace msmodelslim {

Worker::Worker(ModelRunner& runner, std::vector<std::int32_t> end_ids, std::size_t most_running)
    : scheduler_(runner, std::move(end_ids), most_running), thread_([this] { work(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::int64_t Worker::submit(std::vector<std::int32_t> prompt, const SamplingParams& params,
                            std::shared_ptr<TokenListener> listener) {
  check(prompt, params);
  const std::lock_guard lock(mutex_);
  const std::int64_t ticket = next_ticket_++;
  orders_.emplace_back(Submission{ticket, std::move(prompt), params, std::move(listener)});
  ++counts_.running;
  changed_.notify_one();
  return ticket;
}

void Worker::cancel(std::int64_t ticket) {
  const std::lock_guard lock(mutex_);
  orders_.emplace_back(Cancellation{ticket});
  changed_.notify_one();
}

WorkerCounts Worker::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Worker::work() {
  for (;;) {
    std::vector<std::variant<Submission, Cancellation>> orders;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || !orders_.empty() || !scheduler_.idle(); });
      if (stop_) return;
      orders.swap(orders_);
    }
    take_in(std::move(orders));
    try {
      run_once();
    } catch (const std::exception& error) {
      log_error("serve", "{}", error.what());
      fail_all(error.what());
    }
  }
}

void Worker::take_in(std::vector<std::variant<Submission, Cancellation>> orders) {
  std::int64_t ended = 0;
  for (auto& order : orders) {
    if (auto* submission = std::get_if<Submission>(&order)) {
      const std::int64_t id = scheduler_.add(std::move(submission->prompt), submission->params);
      clients_[id] = {submission->ticket, std::move(submission->listener)};
      continue;
    }
    const std::int64_t ticket = std::get<Cancellation>(order).ticket;
    const auto it = std::find_if(clients_.begin(), clients_.end(),
                                 [&](const auto& c) { return c.second.ticket == ticket; });
    if (it == clients_.end()) continue;  // it has ended by itself
    scheduler_.cancel(it->first);
    clients_.erase(it);
    ++ended;
  }
  count_ended(ended);
}

void Worker::run_once() {
  const Scheduler::Progress progress = scheduler_.step();
  count(progress);
  for (const Sampled& sampled : progress.sampled) {
    const auto it = clients_.find(sampled.request);
    const bool more = it->second.listener->sampled(sampled);
    if (sampled.finish == Finish::kNone) {
      if (more) continue;
      scheduler_.cancel(sampled.request);
      count_ended(1);
    }
    clients_.erase(it);
  }
}

// Before clients hear of it: who has an answer finds it counted.
void Worker::count(const Scheduler::Progress& progress) {
  count_ended(std::count_if(progress.sampled.begin(), progress.sampled.end(),
                            [](const Sampled& s) { return s.finish != Finish::kNone; }));
  const std::lock_guard lock(mutex_);
  counts_.prompt_tokens += progress.prompt_tokens;
  counts_.answer_tokens += static_cast<std::int64_t>(progress.sampled.size());
  counts_.kept_bytes = static_cast<std::int64_t>(scheduler_.kept_bytes());
}

void Worker::count_ended(std::int64_t sequences) {
  const std::lock_guard lock(mutex_);
  counts_.running -= sequences;
  counts_.requests += sequences;
}

void Worker::fail_all(const std::string& why) {
  const auto clients = std::exchange(clients_, {});
  count_ended(static_cast<std::int64_t>(clients.size()));
  for (const auto& [id, client] : clients) {
    scheduler_.cancel(id);
    client.listener->failed(why);
  }
}

}  // namespace msmodelslim
