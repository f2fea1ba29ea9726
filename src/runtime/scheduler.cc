#include "runtime/scheduler.h"

#include <algorithm>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kPromptRows = 512;  // of one run

bool contains(const std::vector<std::int32_t>& ids, std::int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

std::int64_t Scheduler::add(std::vector<std::int32_t> prompt, const SamplingParams& params) {
  if (prompt.empty()) throw UsageError("the prompt has no tokens", "give it a text");
  for (const std::int32_t id : prompt)
    if (id < 0 || id >= runner_.spec().vocab)
      throw UsageError(fmt::format("token id {} is outside the vocabulary of {} entries", id,
                                   runner_.spec().vocab),
                       "use token ids of this model");
  const auto tokens = static_cast<std::int64_t>(prompt.size());
  if (tokens >= runner_.max_length())
    throw UsageError(fmt::format("the prompt has {} tokens, the model's length is {}", tokens,
                                 runner_.max_length()),
                     "shorten the prompt or raise --max_model_len");
  const std::int64_t id = next_id_++;
  Sampler sampler(params, prompt, static_cast<std::uint64_t>(id));
  requests_.push_back(std::make_unique<Request>(Request{
      id, std::move(prompt), tokens, params, std::move(sampler), SequenceCache(runner_.spec())}));
  return id;
}

void Scheduler::cancel(std::int64_t request) {
  std::erase_if(requests_, [&](const auto& r) { return r->id == request; });
}

Finish Scheduler::ending(const Request& request, std::int32_t token, bool* in_answer) const {
  const bool end = (!request.params.ignore_eos && contains(end_ids_, token)) ||
                   contains(request.params.stop_token_ids, token);
  *in_answer = !end;
  if (end) return Finish::kStop;
  const auto length = static_cast<std::int64_t>(request.ids.size());
  if (length - request.prompt >= request.params.max_tokens || length >= runner_.max_length())
    return Finish::kLength;
  return Finish::kNone;
}

Scheduler::Progress Scheduler::step() {
  Progress progress;
  std::vector<Step> steps;
  std::vector<Request*> asking;
  std::int64_t room = kPromptRows;
  for (const auto& request : requests_) {
    const std::int64_t done = request->cache.length();
    const auto left = static_cast<std::int64_t>(request->ids.size()) - done;
    const bool prompt = done < request->prompt;
    const std::int64_t rows = prompt ? std::min(left, room) : left;
    if (rows == 0) continue;
    if (prompt) {
      room -= rows;
      progress.prompt_tokens += rows;
    }
    const auto ids = std::span<const std::int32_t>(request->ids)
                         .subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(rows));
    steps.push_back({&request->cache, ids, rows == left});
    if (rows == left) asking.push_back(request.get());
  }
  if (steps.empty()) return progress;
  const float* logits = runner_.run(steps);
  const auto vocab = static_cast<std::size_t>(runner_.spec().vocab);
  for (std::size_t i = 0; i < asking.size(); ++i) {
    Request& request = *asking[i];
    std::vector<float> line(logits + i * vocab, logits + (i + 1) * vocab);
    Sampled sampled;
    sampled.request = request.id;
    sampled.token = request.sampler.next(line);
    request.ids.push_back(sampled.token);
    sampled.finish = ending(request, sampled.token, &sampled.in_answer);
    progress.sampled.push_back(sampled);
  }
  for (const Sampled& sampled : progress.sampled)
    if (sampled.finish != Finish::kNone) cancel(sampled.request);
  return progress;
}

}  // namespace msmodelslim
