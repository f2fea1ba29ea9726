#include "runtime/llm.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "base/interrupt.h"
#include "runtime/generation_config.h"
#include "runtime/text_stream.h"
#include "text/chat_template.h"

namespace msmodelslim {

Llm::Llm(const std::string& folder, std::int64_t max_length, const LoadOptions& options)
    : folder_(folder), tokenizer_(Tokenizer::load(folder)), runner_(folder, max_length, options) {
  const GenerationConfig config = read_generation_config(folder);
  default_params_ = config.params;
  end_ids_ = config.end_ids;
  if (const auto eos = tokenizer_.eos_id()) end_ids_.push_back(*eos);
}

std::vector<Completion> Llm::generate(const std::vector<std::string>& prompts,
                                      const SamplingParams& params, const OnText& on_text) {
  std::vector<Completion> answers(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    answers[i].prompt = prompts[i];
    answers[i].prompt_ids = tokenizer_.encode(prompts[i], true);
  }
  return run(std::move(answers), params, on_text);
}

std::vector<Completion> Llm::chat(const std::vector<std::string>& messages,
                                  const SamplingParams& params, const OnText& on_text) {
  const ChatFormat format = ChatFormat::load(folder_);
  std::vector<Completion> answers(messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Conversation conversation;
    conversation.messages = Json::array({{{"role", "user"}, {"content", messages[i]}}});
    conversation.add_generation_prompt = true;
    answers[i].prompt = messages[i];
    answers[i].prompt_ids = tokenizer_.encode(format.render(conversation), false);
  }
  return run(std::move(answers), params, on_text);
}

std::vector<Completion> Llm::run(std::vector<Completion> answers, const SamplingParams& params,
                                 const OnText& on_text) {
  Scheduler scheduler(runner_, end_ids_);
  std::vector<TextStream> streams;
  std::map<std::int64_t, std::size_t> index;  // of a request's answer
  for (std::size_t i = 0; i < answers.size(); ++i) {
    streams.emplace_back(tokenizer_, params.stop);
    index[scheduler.add(answers[i].prompt_ids, params)] = i;
  }
  const auto tell = [&](std::size_t i, const std::string& text) {
    answers[i].text += text;
    if (on_text && !text.empty()) on_text(i, text);
  };
  while (!scheduler.idle()) {
    check_interrupted();
    const auto start = std::chrono::steady_clock::now();
    const Scheduler::Progress progress = scheduler.step();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    times_.prompt_tokens += progress.prompt_tokens;
    if (progress.prompt_tokens > 0) {
      times_.prefill_seconds += seconds;
    } else {
      times_.decode_seconds += seconds;
      times_.decoded_tokens += static_cast<std::int64_t>(progress.sampled.size());
    }
    for (const Sampled& sampled : progress.sampled) {
      const std::size_t i = index.at(sampled.request);
      if (sampled.logprobs) answers[i].logprobs.push_back(*sampled.logprobs);
      if (!sampled.prompt_logprobs.empty()) answers[i].prompt_logprobs = sampled.prompt_logprobs;
      answers[i].token_ids.push_back(sampled.token);
      answers[i].finish = sampled.finish;
      if (sampled.in_answer) tell(i, streams[i].push(sampled.token));
      if (sampled.finish != Finish::kNone) tell(i, streams[i].finish());
      if (!streams[i].stopped()) continue;
      answers[i].finish = Finish::kStop;
      scheduler.cancel(sampled.request);
    }
  }
  return answers;
}

}  // namespace msmodelslim
