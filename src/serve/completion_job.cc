#include "serve/completion_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "serve/prompt_logprobs.h"
#include "serve/random_id.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kMostSequences = 16384;  // that run or wait

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Token functions are called on the worker's thread only.
class CompletionJob : public std::enable_shared_from_this<CompletionJob> {
 public:
  CompletionJob(CompletionRequest request, const std::optional<ChatRules>& chat,
                const ServedModel& model, std::shared_ptr<HttpReply> reply)
      : request_(std::move(request)),
        chat_(chat),
        model_(model),
        reply_(std::move(reply)),
        id_(random_id(chat ? "chatcmpl-" : "cmpl-", 24)),
        created_(now()) {}

  void start(std::vector<std::vector<std::int32_t>> prompts);
  bool sampled(std::size_t choice, const Sampled& sampled);
  void failed(const std::string& why);

 private:
  SamplingParams params() const;
  bool wants_text() const { return request_.params.max_tokens > 0; }
  void echo(std::size_t choice, const std::vector<TokenLogprobs>& prompt_logprobs,
            std::string* text);
  Json frame() const;
  // What `text` adds to the answer, or the whole of it.
  Json choice_json(Choice& choice, const std::string& text) const;
  void send_event(Json choice);
  Json usage() const;
  void send_piece(Choice& choice, const std::string& text);
  void send_all();

  CompletionRequest request_;
  std::optional<ChatRules> chat_;
  const ServedModel& model_;
  std::shared_ptr<HttpReply> reply_;
  std::string id_;
  std::int64_t created_;
  std::vector<std::vector<std::int32_t>> prompts_;
  std::vector<Choice> choices_;
  std::size_t open_ = 0;  // choices that are not done
  bool over_ = false;
};

class ChoiceListener : public TokenListener {
 public:
  ChoiceListener(std::shared_ptr<CompletionJob> job, std::size_t choice)
      : job_(std::move(job)), choice_(choice) {}
  bool sampled(const Sampled& sampled) override { return job_->sampled(choice_, sampled); }
  void failed(const std::string& why) override { job_->failed(why); }

 private:
  std::shared_ptr<CompletionJob> job_;
  std::size_t choice_;
};

SamplingParams CompletionJob::params() const {
  SamplingParams params = request_.params;
  params.max_tokens = std::max<std::int64_t>(params.max_tokens, 1);
  params.logprobs = request_.logprobs;
  params.prompt_logprobs = request_.prompt_logprobs;
  if (request_.echo && request_.logprobs)
    params.prompt_logprobs = std::max(*request_.logprobs, request_.prompt_logprobs.value_or(0));
  return params;
}

void CompletionJob::start(std::vector<std::vector<std::int32_t>> prompts) {
  prompts_ = std::move(prompts);
  const auto n = static_cast<std::size_t>(request_.n);
  for (std::size_t i = 0; i < prompts_.size() * n; ++i)
    choices_.emplace_back(model_.tokenizer, static_cast<std::int64_t>(i), request_.params.stop,
                          chat_);
  open_ = choices_.size();
  if (request_.stream) reply_->start_events();
  if (request_.stream && chat_)
    for (const Choice& choice : choices_)
      send_event({{"index", choice.index()},
                  {"delta", {{"role", "assistant"}, {"content", ""}}},
                  {"logprobs", nullptr},
                  {"finish_reason", nullptr}});
  auto tickets = std::make_shared<std::vector<std::int64_t>>();
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    SamplingParams own = params();
    if (own.seed) *own.seed += i % n;
    tickets->push_back(model_.worker.submit(
        prompts_[i / n], own, std::make_shared<ChoiceListener>(shared_from_this(), i)));
  }
  reply_->on_gone([tickets, &worker = model_.worker] {
    for (const std::int64_t ticket : *tickets) worker.cancel(ticket);
  });
}

void CompletionJob::echo(std::size_t choice, const std::vector<TokenLogprobs>& prompt_logprobs,
                         std::string* text) {
  const auto& prompt = prompts_[choice / static_cast<std::size_t>(request_.n)];
  *text += model_.tokenizer.decode(prompt, true);
  if (!request_.logprobs) return;
  LogprobFormat& lists = choices_[choice].logprobs();
  lists.add_first(prompt.front());
  for (TokenLogprobs token : prompt_logprobs) {
    token.top.resize(std::min(token.top.size(), static_cast<std::size_t>(*request_.logprobs)));
    lists.add(token);
  }
}

bool CompletionJob::sampled(std::size_t index, const Sampled& sampled) {
  Choice& choice = choices_[index];
  std::string text;
  if (request_.prompt_logprobs && choice.tokens() == 0)
    choice.prompt_logprobs =
        prompt_logprobs(model_.tokenizer, sampled.prompt_logprobs, *request_.prompt_logprobs);
  if (request_.echo && choice.tokens() == 0) echo(index, sampled.prompt_logprobs, &text);
  if (wants_text())
    text += choice.push(sampled);
  else
    choice.end_empty();
  if (choice.done()) --open_;
  if (request_.stream)
    send_piece(choice, text);
  else
    choice.text += text;
  if (open_ == 0) send_all();
  return !choice.done();
}

Json CompletionJob::frame() const {
  const char* object = "text_completion";
  if (chat_) object = request_.stream ? "chat.completion.chunk" : "chat.completion";
  return {{"id", id_}, {"object", object}, {"created", created_}, {"model", model_.name}};
}

Json CompletionJob::choice_json(Choice& choice, const std::string& text) const {
  Json json = {{"index", choice.index()}};
  if (choice.chat() == nullptr)
    json["text"] = text;
  else if (request_.stream)
    json["delta"] = choice.chat()->delta(text, choice.done());
  else
    json["message"] = choice.chat()->message(text);
  json["logprobs"] = request_.logprobs ? choice.logprobs().take() : Json();
  json["finish_reason"] = choice.finish_reason();
  if (request_.prompt_logprobs && !chat_) json["prompt_logprobs"] = choice.prompt_logprobs;
  return json;
}

Json CompletionJob::usage() const {
  std::size_t prompt = 0;
  for (const auto& ids : prompts_) prompt += ids.size();
  std::int64_t answer = 0;
  for (const Choice& choice : choices_) answer += choice.tokens();
  return {{"prompt_tokens", prompt},
          {"total_tokens", static_cast<std::int64_t>(prompt) + answer},
          {"completion_tokens", answer}};
}

void CompletionJob::send_piece(Choice& choice, const std::string& text) {
  if (text.empty() && !choice.done() && !request_.logprobs) return;
  Json piece = choice_json(choice, text);
  const bool held_back = chat_ && piece["delta"].empty();  // for now
  if (held_back && !choice.done() && !request_.logprobs) return;
  send_event(std::move(piece));
}

void CompletionJob::send_event(Json choice) {
  Json piece = frame();
  piece["choices"] = Json::array({std::move(choice)});
  if (request_.include_usage) piece["usage"] = nullptr;
  reply_->event(answer_text(piece));
}

void CompletionJob::send_all() {
  over_ = true;
  Json whole = frame();
  whole["choices"] = Json::array();
  if (request_.stream) {
    if (request_.include_usage) {
      whole["usage"] = usage();
      reply_->event(answer_text(whole));
    }
    reply_->event("[DONE]");
    reply_->end_events();
    return;
  }
  for (Choice& choice : choices_) whole["choices"].push_back(choice_json(choice, choice.text));
  if (request_.prompt_logprobs && chat_)
    whole["prompt_logprobs"] = choices_.front().prompt_logprobs;
  whole["usage"] = usage();
  reply_->send(200, "application/json", answer_text(whole));
}

void CompletionJob::failed(const std::string& why) {
  if (std::exchange(over_, true)) return;
  const ApiError error{500, why, "InternalServerError", {}};
  if (!request_.stream) {
    reply_->send(500, "application/json", answer_text(error.body()));
    return;
  }
  reply_->event(answer_text(error.body()));
  reply_->end_events();
}

}  // namespace

void start_job(CompletionRequest request, std::vector<std::vector<std::int32_t>> prompts,
               const std::optional<ChatRules>& chat, const ServedModel& model,
               const std::shared_ptr<HttpReply>& reply) {
  if (chat && !request.max_tokens_given)
    request.params.max_tokens = std::max<std::int64_t>(
        model.max_length - static_cast<std::int64_t>(prompts.front().size()), 1);
  if (request.params.max_tokens == 0 && !request.echo)
    throw ApiError(400, "max_tokens 0 goes with echo only", "BadRequestError", "max_tokens");
  const auto sequences = static_cast<std::int64_t>(prompts.size()) * request.n;
  if (model.worker.counts().running + sequences > kMostSequences)
    throw ApiError(503, "the server has too many requests; try again later", "ServiceUnavailable");
  for (const auto& prompt : prompts) {
    const auto tokens = static_cast<std::int64_t>(prompt.size());
    if (tokens + request.params.max_tokens > model.max_length)
      throw ApiError(400,
                     fmt::format("This model's maximum context length is {} tokens. However, you "
                                 "requested {} tokens ({} in the prompt, {} for the completion). "
                                 "Please reduce the length of the prompt or of the completion.",
                                 model.max_length, tokens + request.params.max_tokens, tokens,
                                 request.params.max_tokens));
    try {
      SamplingParams params = request.params;
      params.max_tokens = std::max<std::int64_t>(params.max_tokens, 1);
      model.worker.check(prompt, params);
    } catch (const UsageError& error) {
      throw ApiError(400, error.what());
    }
  }
  std::make_shared<CompletionJob>(std::move(request), chat, model, reply)
      ->start(std::move(prompts));
}

}  // namespace msmodelslim
