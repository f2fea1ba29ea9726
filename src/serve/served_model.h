#pragma once
// A model that a server answers with.

#include <memory>
#include <string>

#include "serve/answer_format.h"
#include "serve/worker.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace msmodelslim {

struct ServedModel {
  std::string name;  // the "model" of requests
  const Tokenizer& tokenizer;
  Worker& worker;
  std::int64_t max_length;  // of prompt and answer, in tokens
  SamplingParams defaults;
  std::shared_ptr<const ChatFormat> chat;  // null: the folder has no chat template
  AnswerFormat format;
  std::int64_t longest_token;  // characters
};

}  // namespace msmodelslim
