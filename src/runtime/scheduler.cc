#include "runtime/scheduler.h"

#include <algorithm>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/log_softmax.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kPromptRows = 336;   // of one run
constexpr std::int64_t kFewestShared = 16;  // tokens: fewer are not worth a copy
constexpr std::int64_t kLogitRows = 64;     // of a prompt whose logits are all asked for

bool contains(const std::vector<std::int32_t>& ids, std::int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

const char* finish_name(Finish finish) {
  switch (finish) {
    case Finish::kStop:
      return "stop";
    case Finish::kLength:
      return "length";
    case Finish::kNone:
      break;
  }
  return "";
}

void Scheduler::truncate(std::vector<std::int32_t>* prompt, const SamplingParams& params) const {
  if (!params.truncate_prompt_tokens) return;
  std::int64_t kept = *params.truncate_prompt_tokens;
  if (kept < 0) kept = std::max<std::int64_t>(1, runner_.max_length() - params.max_tokens);
  const auto tokens = static_cast<std::int64_t>(prompt->size());
  if (tokens > kept) prompt->erase(prompt->begin(), prompt->begin() + (tokens - kept));
}

void Scheduler::check(const std::vector<std::int32_t>& prompt, const SamplingParams& params) const {
  check_params(params);
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
}

std::int64_t Scheduler::add(std::vector<std::int32_t> prompt, const SamplingParams& params) {
  truncate(&prompt, params);
  check(prompt, params);
  const std::int64_t id = next_id_++;
  const auto tokens = static_cast<std::int64_t>(prompt.size());
  Sampler sampler(params, prompt, static_cast<std::uint64_t>(id));
  requests_.push_back(std::make_unique<Request>(
      Request{id, std::move(prompt), tokens, params, std::move(sampler), runner_.new_cache(), {}}));
  return id;
}

void Scheduler::cancel(std::int64_t request) { end(request); }

void Scheduler::end(std::int64_t request) {
  const auto found = std::find_if(requests_.begin(), requests_.end(),
                                  [&](const auto& r) { return r->id == request; });
  if (found == requests_.end()) return;
  kept_.keep(std::move((*found)->ids), std::move((*found)->cache));
  requests_.erase(found);
}

std::int64_t Scheduler::take_over(Request& request) {
  if (request.cache.length() > 0 || request.params.prompt_logprobs) return 0;
  // Keys of short texts are of no use in long ones there.
  const RopeSpec& rope = runner_.spec().rope;
  if (rope.kind == RopeKind::kLongRope && runner_.max_length() > rope.original_max_position)
    return 0;
  PrefixStore::Match best = kept_.find(request.ids);
  for (const auto& other : requests_) {
    const std::int64_t common =
        std::min(common_prefix(other->ids, request.ids), other->cache.length());
    if (common > best.tokens) best = {&other->cache, common};
  }
  // The last token is run for its logits.
  const std::int64_t tokens = std::min(best.tokens, request.prompt - 1);
  if (tokens < kFewestShared) return 0;
  if (!request.cache.can_cut() && tokens != best.cache->length()) return 0;
  request.cache.copy_prefix(*best.cache, tokens);
  return tokens;
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

// A request that answers takes its newest token, one that waits a piece of its prompt: at most
// `room` rows, which become fewer.
SequenceStep Scheduler::next_step(Request& request, std::int64_t* room) const {
  const std::int64_t done = request.cache.length();
  const auto left = static_cast<std::int64_t>(request.ids.size()) - done;
  const bool prompt = done < request.prompt;
  const bool all_logits = prompt && request.params.prompt_logprobs.has_value();
  std::int64_t rows = left;
  if (prompt) {
    rows = std::min(left, *room);
    if (all_logits) rows = std::min(rows, kLogitRows);
    *room -= rows;
  }
  const auto ids = std::span<const std::int32_t>(request.ids)
                       .subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(rows));
  return {&request.cache, ids, all_logits ? rows : static_cast<std::int64_t>(rows == left),
          request.prompt};
}

// Log-probabilities of the tokens behind those of a piece of the prompt; `logits` [rows, vocab].
void Scheduler::note_prompt(Request& request, const SequenceStep& step,
                            std::span<const float> logits) const {
  const auto vocab = static_cast<std::size_t>(runner_.spec().vocab);
  const auto first = static_cast<std::size_t>(step.ids.data() - request.ids.data());
  for (std::size_t r = 0; r < step.ids.size(); ++r) {
    const std::size_t next = first + r + 1;
    if (next >= static_cast<std::size_t>(request.prompt)) return;
    std::vector<float> row(logits.begin() + static_cast<std::ptrdiff_t>(r * vocab),
                           logits.begin() + static_cast<std::ptrdiff_t>((r + 1) * vocab));
    log_softmax(row.data(), static_cast<std::int64_t>(vocab));
    request.prompt_logprobs.push_back(
        token_logprobs(row, request.ids[next], request.params.prompt_logprobs.value_or(0)));
  }
}

Scheduler::Progress Scheduler::step() {
  Progress progress;
  std::vector<SequenceStep> steps;
  std::vector<Request*> running;
  std::int64_t room = kPromptRows;
  for (std::size_t i = 0; i < std::min(most_running_, requests_.size()); ++i) {
    const std::int64_t before = room;
    progress.shared_tokens += take_over(*requests_[i]);
    const SequenceStep step = next_step(*requests_[i], &room);
    progress.prompt_tokens += before - room;
    if (step.ids.empty()) continue;
    steps.push_back(step);
    running.push_back(requests_[i].get());
  }
  if (steps.empty()) return progress;
  float* logits = runner_.run(steps);
  const auto vocab = static_cast<std::size_t>(runner_.spec().vocab);
  std::vector<std::pair<Request*, std::span<float>>> answering;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].logits == 0) continue;
    Request& request = *running[i];
    const std::span<float> rows(logits, static_cast<std::size_t>(steps[i].logits) * vocab);
    logits += rows.size();
    if (request.params.prompt_logprobs) note_prompt(request, steps[i], rows);
    if (request.cache.length() < static_cast<std::int64_t>(request.ids.size())) continue;
    answering.emplace_back(&request, rows.last(vocab));
  }
  progress.sampled.resize(answering.size());
  parallel_for(static_cast<std::int64_t>(answering.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    progress.sampled[at] = sample(*answering[at].first, answering[at].second);
  });
  for (const Sampled& sampled : progress.sampled)
    if (sampled.finish != Finish::kNone) end(sampled.request);
  return progress;
}

// Spoils the logits.
Sampled Scheduler::sample(Request& request, std::span<float> logits) const {
  std::vector<float> row;
  if (request.params.logprobs) row.assign(logits.begin(), logits.end());
  Sampled sampled;
  sampled.request = request.id;
  sampled.token = request.sampler.next(logits);
  if (request.params.logprobs) {
    log_softmax(row.data(), static_cast<std::int64_t>(row.size()));
    sampled.logprobs = token_logprobs(row, sampled.token, *request.params.logprobs);
  }
  if (static_cast<std::int64_t>(request.ids.size()) == request.prompt)
    sampled.prompt_logprobs = std::move(request.prompt_logprobs);
  request.ids.push_back(sampled.token);
  sampled.finish = ending(request, sampled.token, &sampled.in_answer);
  return sampled;
}

}  // namespace msmodelslim
