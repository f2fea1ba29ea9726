#include "runtime/llm.h"

#include <msmodelslim/llm.h>

#include "base/threads.h"

namespace msmodelslim {
namespace {

std::vector<RequestOutput> outputs_of(std::vector<Completion> answers) {
  std::vector<RequestOutput> outputs;
  outputs.reserve(answers.size());
  for (Completion& answer : answers)
    outputs.push_back({std::move(answer.prompt), std::move(answer.prompt_ids),
                       std::move(answer.text), std::move(answer.token_ids),
                       finish_name(answer.finish), std::move(answer.logprobs),
                       std::move(answer.prompt_logprobs)});
  return outputs;
}

}  // namespace

struct LLM::Impl {
  Llm llm;
};

LLM::LLM(const std::string& model, const LLMOptions& options) {
  if (options.threads > 0) set_thread_count(options.threads);
  impl_.reset(new Impl{Llm(model, options.max_model_len)});
}
LLM::~LLM() = default;
LLM::LLM(LLM&&) noexcept = default;
LLM& LLM::operator=(LLM&&) noexcept = default;

SamplingParams LLM::default_sampling_params() const { return impl_->llm.default_params(); }

std::vector<RequestOutput> LLM::generate(const std::vector<std::string>& prompts,
                                         const SamplingParams& params, const OnText& on_text) {
  return outputs_of(impl_->llm.generate(prompts, params, on_text));
}

std::vector<RequestOutput> LLM::chat(const std::vector<std::string>& messages,
                                     const SamplingParams& params, const OnText& on_text) {
  return outputs_of(impl_->llm.chat(messages, params, on_text));
}

}  // namespace msmodelslim
