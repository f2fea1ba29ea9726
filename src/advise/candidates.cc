#include "advise/candidates.h"

#include <algorithm>
#include <regex>

#include "advise/layer_scores.h"
#include "advise/probe.h"
#include "base/threads.h"
#include "kernels/log_softmax.h"
#include "kernels/prediction_scores.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kMostBytes = 512 << 20;  // of hidden states
constexpr std::int64_t kLogitBytes = 64 << 20;  // of each of two sets of logits

using Samples = std::vector<std::vector<std::int32_t>>;

struct Portion {
  std::size_t first_sample, samples;
  std::size_t first_candidate, candidates;
};

std::vector<Portion> portions_of(const Samples& samples, std::size_t candidates,
                                 std::int64_t hidden) {
  const std::int64_t most = std::max<std::int64_t>(1, kMostBytes / (4 * hidden));  // rows
  std::vector<Portion> portions;
  for (std::size_t first = 0; first < samples.size();) {
    std::int64_t rows = 0;
    std::size_t next = first;
    const auto fits = [&](std::size_t sample) {
      const auto more = static_cast<std::int64_t>(samples[sample].size());
      return (rows + more) * static_cast<std::int64_t>(candidates + 1) <= most;
    };
    while (next < samples.size() && (next == first || fits(next)))
      rows += static_cast<std::int64_t>(samples[next++].size());
    const auto at_once = static_cast<std::size_t>(std::max<std::int64_t>(1, most / rows - 1));
    for (std::size_t c = 0; c < candidates; c += at_once)
      portions.push_back({first, next - first, c, std::min(at_once, candidates - c)});
    first = next;
  }
  return portions;
}

// One portion on its way: the float states in front, those of the candidates begun so far behind.
class PortionRun {
 public:
  PortionRun(ModelWalk& walk, const Samples& samples, const Candidate* candidates,
             std::size_t count)
      : walk_(walk),
        model_(walk.model()),
        samples_(samples),
        candidates_(candidates),
        count_(count),
        states_(walk.begin(samples)),
        rows_(states_.rows) {
    sequences_ = states_.sequences;
  }

  void run_block(std::size_t index) {
    Block block(model_.blocks[index], walk_.checkpoint());
    walk_.prepare(block, index);
    std::vector<float> made;
    std::vector<ChosenTokens> chosen;
    for (; begun_ < count_ && candidates_[begun_].block == index; ++begun_) {
      const Candidate& candidate = candidates_[begun_];
      ProbeOp op(
          *candidate.step,
          [&](const LinearSpec& linear) { return candidate.linears.count(linear.name) > 0; },
          model_.dtype);
      PackedStates own = float_states();
      walk_.run(block, op, own);
      made.insert(made.end(), own.values.begin(), own.values.end());
      chosen.insert(chosen.end(), own.chosen.begin(), own.chosen.end());
    }
    FloatLinearOp op(model_.dtype);
    walk_.run(block, op, states_);
    walk_.end_block(block);
    states_.values.append(made.data(), made.size());
    states_.chosen.insert(states_.chosen.end(), chosen.begin(), chosen.end());
    for (; states_.rows < rows_ * static_cast<std::int64_t>(begun_ + 1); states_.rows += rows_)
      for (Sequence sequence : sequences_) {
        sequence.begin += states_.rows;
        states_.sequences.push_back(sequence);
      }
  }

  double mse(std::size_t candidate) const {
    return mean_squared_error(sequences_, model_.stream, states_.values.data(),
                              values_of(candidate + 1));
  }

  // Adds the predictions to those of every candidate.
  void predict(Head& head, std::vector<PredictionScores>& scores) const {
    const std::int64_t most = std::clamp<std::int64_t>(kLogitBytes / (4 * model_.vocab), 16, 512);
    std::vector<float> float_logits(static_cast<std::size_t>(most * model_.vocab));
    std::vector<float> logits(float_logits.size());
    for (std::size_t s = 0; s < sequences_.size(); ++s)
      for (std::int64_t at = 0; at + 1 < sequences_[s].rows; at += most) {
        const std::int64_t rows = std::min(most, sequences_[s].rows - 1 - at);
        const std::int64_t begin = sequences_[s].begin + at;
        log_probabilities(head, values_of(0) + begin * model_.stream, rows, float_logits);
        for (std::size_t c = 0; c < count_; ++c) {
          log_probabilities(head, values_of(c + 1) + begin * model_.stream, rows, logits);
          scores[c].add(logits.data(), float_logits.data(), samples_[s].data() + at + 1, rows,
                        model_.vocab);
        }
      }
  }

 private:
  PackedStates float_states() const {
    PackedStates states{sequences_, rows_, states_.width, kChunkRows, {}, states_.chosen};
    if (!states.chosen.empty()) states.chosen.resize(sequences_.size());
    states.values.append(states_.values.data(), static_cast<std::size_t>(rows_ * states_.width));
    return states;
  }

  const float* values_of(std::size_t place) const {
    return states_.values.data() + static_cast<std::int64_t>(place) * rows_ * model_.stream;
  }

  void log_probabilities(Head& head, const float* hidden, std::int64_t rows,
                         std::vector<float>& out) const {
    std::vector<float> normed(static_cast<std::size_t>(rows * model_.hidden));
    FloatLinearOp op(model_.dtype);
    head.run(hidden, rows, op, normed.data(), out.data());
    parallel_for(rows,
                 [&](std::int64_t r) { log_softmax(out.data() + r * model_.vocab, model_.vocab); });
  }

  ModelWalk& walk_;
  const ModelSpec& model_;
  const Samples samples_;
  const Candidate* candidates_;
  std::size_t count_;
  PackedStates states_;
  std::int64_t rows_;                // of the float states
  std::vector<Sequence> sequences_;  // the same
  std::size_t begun_ = 0;            // candidates
};

std::string set_name(const LinearSpec& linear) {
  static const std::regex kExpert(R"(\.experts\.\d+\.)");
  return std::regex_replace(linear.group.empty() ? linear.name : linear.group, kExpert,
                            ".experts.*.");
}

}  // namespace

std::vector<CandidateLoss> measure_candidates(ModelWalk& walk, const Samples& samples,
                                              const std::vector<Candidate>& candidates,
                                              bool with_kl, bool quiet) {
  const ModelSpec& model = walk.model();
  const std::vector<Portion> portions = portions_of(samples, candidates.size(), model.stream);
  const std::size_t blocks = model.decoders();
  std::vector<CandidateLoss> losses(candidates.size());
  std::vector<std::vector<double>> kl(candidates.size());
  std::int64_t tokens = 0;
  for (const auto& sample : samples) tokens += static_cast<std::int64_t>(sample.size());
  Progress progress("analyze", static_cast<std::int64_t>(portions.size() * blocks),
                    tokens / static_cast<std::int64_t>(portions.size()), quiet);
  std::optional<Head> head;
  if (with_kl) head.emplace(walk.head());
  for (std::size_t p = 0; p < portions.size(); ++p) {
    const Portion& portion = portions[p];
    const auto begin = samples.begin() + static_cast<std::ptrdiff_t>(portion.first_sample);
    PortionRun run(walk, {begin, begin + static_cast<std::ptrdiff_t>(portion.samples)},
                   candidates.data() + portion.first_candidate, portion.candidates);
    for (std::size_t i = 0; i < blocks; ++i) {
      progress.at(static_cast<std::int64_t>(p * blocks + i), "quantized alone");
      run.run_block(i);
    }
    std::vector<PredictionScores> scores(portion.candidates);
    if (head) run.predict(*head, scores);
    for (std::size_t c = 0; c < portion.candidates; ++c) {
      const std::size_t at = portion.first_candidate + c;
      losses[at].mse +=
          run.mse(c) * static_cast<double>(portion.samples) / static_cast<double>(samples.size());
      kl[at].insert(kl[at].end(), scores[c].kl.begin(), scores[c].kl.end());
    }
  }
  if (with_kl)
    for (std::size_t c = 0; c < losses.size(); ++c) losses[c].kl = mean_error(kl[c]);
  return losses;
}

std::vector<LinearSet> linear_sets(const BlockSpec& block) {
  std::vector<LinearSet> sets;
  for (const LinearSpec* linear : block.linears()) {
    const std::string name = set_name(*linear);
    auto found = std::find_if(sets.begin(), sets.end(),
                              [&](const LinearSet& set) { return set.name == name; });
    if (found == sets.end()) found = sets.insert(sets.end(), LinearSet{name, {}});
    found->linears.push_back(linear);
  }
  return sets;
}

}  // namespace msmodelslim
