#include "eval/choice_scorer.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "kernels/log_softmax.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kPieceRows = 512;  // of a context in one run

std::size_t blanks_at_end(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \t\n\r\f\v");
  return text.size() - (end == std::string::npos ? 0 : end + 1);
}

}  // namespace

ChoiceScorer::Pair ChoiceScorer::encode(std::string context, std::string continuation) const {
  const std::size_t blanks = blanks_at_end(context);
  continuation.insert(0, context.substr(context.size() - blanks));
  context.resize(context.size() - blanks);
  const auto bos = tokenizer_.bos_id();
  const bool special = !bos || !context.starts_with(tokenizer_.id_to_token(*bos));
  Pair pair;
  const auto whole = tokenizer_.encode(context + continuation, special);
  if (context.empty()) {
    const auto prefix = bos ? bos : tokenizer_.eos_id();
    if (!prefix)
      throw DataError("the context is empty and the tokenizer has neither a first nor an end token",
                      "give the item a context");
    pair.context = {*prefix};
    pair.continuation = whole;
    if (whole.size() > 1 && whole.front() == *prefix)
      pair.continuation.erase(pair.continuation.begin());
  } else {
    pair.context = tokenizer_.encode(context, special);
    const std::size_t length = std::min(pair.context.size(), whole.size());
    pair.continuation.assign(whole.begin() + static_cast<std::ptrdiff_t>(length), whole.end());
  }
  if (pair.continuation.empty())
    throw DataError("a continuation has no token of its own: \"" + continuation + "\"",
                    "leave the item out");
  // Of context and continuation the last max_length + 1 tokens count; the last is only predicted.
  const auto most = static_cast<std::size_t>(runner_.max_length()) + 1;
  if (pair.continuation.size() >= most)
    throw DataError("a continuation is longer than the model's context", "leave the item out");
  if (pair.context.size() + pair.continuation.size() > most)
    pair.context.erase(
        pair.context.begin(),
        pair.context.end() - static_cast<std::ptrdiff_t>(most - pair.continuation.size()));
  return pair;
}

Likelihood ChoiceScorer::read(const float* logits,
                              const std::vector<std::int32_t>& continuation) const {
  const std::int64_t vocab = runner_.spec().vocab;
  Likelihood result{0, true};
  std::vector<float> row(static_cast<std::size_t>(vocab));
  for (const std::int32_t token : continuation) {
    std::copy_n(logits, vocab, row.begin());
    logits += vocab;
    log_softmax(row.data(), vocab);
    result.log += static_cast<double>(row[static_cast<std::size_t>(token)]);
    result.greedy =
        result.greedy && std::max_element(row.begin(), row.end()) - row.begin() == token;
  }
  return result;
}

// All pairs have the same context.
void ChoiceScorer::score_item(const std::vector<Pair>& pairs, std::vector<Likelihood>* out) {
  SequenceCache prefix = runner_.new_cache();
  const std::span<const std::int32_t> context = pairs.front().context;
  const auto before_last = static_cast<std::int64_t>(context.size()) - 1;
  for (std::int64_t at = 0; at < before_last; at += kPieceRows) {
    const SequenceStep step{
        &prefix,
        context.subspan(static_cast<std::size_t>(at),
                        static_cast<std::size_t>(std::min(kPieceRows, before_last - at))),
        0};
    runner_.run({&step, 1});
  }
  std::vector<SequenceCache> caches(pairs.size(), prefix);
  std::vector<std::vector<std::int32_t>> inputs;
  std::vector<SequenceStep> steps;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    inputs.push_back({context.back()});
    const auto& continuation = pairs[i].continuation;
    inputs.back().insert(inputs.back().end(), continuation.begin(), continuation.end() - 1);
  }
  for (std::size_t i = 0; i < pairs.size(); ++i)
    steps.push_back({&caches[i], inputs[i], static_cast<std::int64_t>(inputs[i].size())});
  const float* logits = runner_.run(steps);
  for (const Pair& pair : pairs) {
    out->push_back(read(logits, pair.continuation));
    logits += static_cast<std::int64_t>(pair.continuation.size()) * runner_.spec().vocab;
  }
}

std::vector<std::vector<Likelihood>> ChoiceScorer::score(const std::vector<ChoiceItem>& items) {
  std::vector<std::vector<Likelihood>> results(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    check_interrupted();
    std::vector<Pair> pairs;
    for (const std::string& continuation : items[i].continuations) {
      pairs.push_back(encode(items[i].context, continuation));
      // Cut to different lengths, or tokenized together with what follows: no common context.
      if (pairs.size() > 1 && pairs.back().context != pairs.front().context) {
        const std::vector<Pair> alone = {std::move(pairs.back())};
        pairs.pop_back();
        score_item(pairs, &results[i]);
        pairs = alone;
      }
    }
    score_item(pairs, &results[i]);
  }
  return results;
}

}  // namespace msmodelslim
