#include "pipeline/calibration_pass.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "forward/run.h"
#include "observe/expert_coverage.h"
#include "pipeline/chunk_team.h"
#include "pipeline/relay_tap.h"

namespace msmodelslim {

void CalibrationPass::run(const Processor& reason, BlockState& state, PackedStates& states,
                          bool update, const std::vector<Tap*>& taps, const RopeTable& rope) {
  passes_.emplace_back(reason.name());
  std::vector<Tap*> all = taps;
  ExpertCoverage coverage;
  if (state.block->moe && coverage_.empty()) all.push_back(&coverage);
  pass(state, states, update, all, rope, nullptr);
  if (state.block->moe && coverage_.empty()) coverage_ = coverage.tokens();
  if (state.block->moe) complete_experts(reason, state, states, taps, rope);
}

// `completion`: only its experts are watched.
void CalibrationPass::pass(BlockState& state, PackedStates& states, bool update,
                           const std::vector<Tap*>& taps, const RopeTable& rope,
                           const ExpertCompletion* completion) {
  std::vector<std::string> watched;
  if (completion != nullptr) watched = linears_of(*state.block->moe, completion->experts);
  CalibrationOp op(model_.dtype, job_.int8_pass, !state.block->moe);
  std::vector<LinearQuantizer*> quantizers;
  for (auto& [name, quantizer] : state.active)
    if (completion == nullptr || std::find(watched.begin(), watched.end(), name) != watched.end()) {
      op.add(name, quantizer.get());
      quantizers.push_back(quantizer.get());
    }
  for (auto& [name, linear] : state.done) op.add(name, &linear);
  std::unique_ptr<KvOp> kv_op;
  if (state.kv_cache) kv_op = std::make_unique<Int8KvOp>(*state.kv_cache);
  if (state.latent_cache) kv_op = std::make_unique<LatentKvOp>(*state.latent_cache);
  if (shared_) {
    shared_pass(state, states, update, taps, rope, quantizers, op, kv_op.get(), completion);
    return;
  }
  PackedStates entered;
  if (state.block->mtp)
    entered = next_token_.enter(*state.block->mtp, states, op, taps, workspace_);
  PackedStates& in = state.block->mtp ? entered : states;
  run_block_on(model_, *state.block, in, update, rope, op, taps, workspace_, kv_op.get(),
               completion);
  if (state.block->mtp && update) states = std::move(entered);
}

void CalibrationPass::shared_pass(BlockState& state, PackedStates& states, bool update,
                                  const std::vector<Tap*>& taps, const RopeTable& rope,
                                  const std::vector<LinearQuantizer*>& quantizers, LinearOp& op,
                                  KvOp* kv_op, const ExpertCompletion* completion) {
  Ranks& ranks = *job_.ranks;
  Block& block = *state.block;
  ChunkTeam team(ranks, block);
  std::vector<Tap*> combined;
  std::vector<Tap*> shown;
  for (Tap* tap : taps) (tap->combines() ? combined : shown).push_back(tap);
  RelayTap relay(shown, model_.heads, team);
  std::vector<Tap*> here = combined;
  if (!shown.empty()) here.push_back(&relay);
  bool waits = false;
  for (LinearQuantizer* quantizer : quantizers) {
    quantizer->exchange_with(&team);
    waits = waits || quantizer->collects_range();
  }
  struct Chunk {
    std::int64_t begin;
    std::int64_t rows;
    Context context;
    Workspace workspace;  // of chunks that wait
  };
  std::vector<Chunk> chunks;
  for_each_chunk(states.sequences, states.chunk_rows,
                 [&](std::int64_t begin, std::int64_t rows, Context& context) {
                   context.rope = &rope;
                   context.linear_op = &op;
                   context.kv_op = kv_op;
                   context.completion = completion;
                   context.taps = here;
                   chunks.push_back({begin, rows, context, {}});
                 });
  team.run(chunks.size(), waits, [&](std::size_t i) {
    Chunk& chunk = chunks[i];
    float* at = states.values.data() + chunk.begin * states.width;
    run_block(model_, block, at, update ? at : nullptr, chunk.rows, chunk.context,
              waits ? chunk.workspace : workspace_);
  });
  for (Tap* tap : combined) tap->combine(ranks);
  if (!shown.empty()) relay.replay(ranks, block);
  for (LinearQuantizer* quantizer : quantizers) {
    quantizer->combine(ranks);
    if (const auto seen = team.ranges().find(quantizer->linear().name());
        seen != team.ranges().end())
      quantizer->take_in(seen->second);
    quantizer->exchange_with(nullptr);
  }
}

std::optional<ExpertCompletion> CalibrationPass::starved(const Processor& reason, BlockState& state,
                                                         const std::vector<Tap*>& taps) {
  ExpertCompletion completion;
  completion.experts = starved_experts(state, coverage_, taps, job_.expert_min_tokens);
  const auto count = std::count(completion.experts.begin(), completion.experts.end(), true);
  if (count == 0) return std::nullopt;
  const std::string problem = fmt::format(
      "{}: {} of {} experts get fewer than {} calibration tokens, which {} needs",
      state.block->moe->spec->name, count, coverage_.size(), job_.expert_min_tokens, reason.name());
  if (job_.expert_fallback == ExpertFallback::kError)
    throw DataError(problem,
                    "use a larger calibration set, or --expert_fallback all_tokens, nearest or "
                    "dynamic");
  if (job_.expert_fallback == ExpertFallback::kDynamic) {
    log_warning("quant", "{}; they go on without data", problem);
    go_without_data(state, completion.experts);
    return std::nullopt;
  }
  completion.all_rows = job_.expert_fallback == ExpertFallback::kAllTokens;
  log_warning("quant", "{}; they are shown {}", problem,
              completion.all_rows ? "all tokens" : "the tokens nearest to them");
  return completion;
}

void CalibrationPass::complete_experts(const Processor& reason, BlockState& state,
                                       PackedStates& states, const std::vector<Tap*>& taps,
                                       const RopeTable& rope) {
  const std::optional<ExpertCompletion> completion = starved(reason, state, taps);
  if (!completion) return;
  std::vector<OnlyTap> only;
  only.reserve(taps.size());
  std::vector<Tap*> watchers;
  for (Tap* tap : taps) {
    only.emplace_back(*tap, linears_of(*state.block->moe, completion->experts));
    watchers.push_back(&only.back());
  }
  passes_.emplace_back("experts without tokens");
  pass(state, states, false, watchers, rope, &*completion);
}

void CalibrationPass::take(const Processor& reason, BlockState& state,
                           const std::vector<Tap*>& taps,
                           const std::vector<std::int64_t>& expert_tokens) {
  if (!state.block->moe || expert_tokens.empty()) return;
  if (expert_tokens.size() != state.block->moe->experts.size())
    throw DataError(fmt::format("{}: the statistics are of {} experts, the model has {}",
                                state.block->spec->name, expert_tokens.size(),
                                state.block->moe->experts.size()),
                    "make them again with --stats_out");
  coverage_ = expert_tokens;
  starved(reason, state, taps);
}

std::vector<std::int64_t> CalibrationPass::end_block(const Block& block) {
  std::string reasons;
  for (const std::string& reason : passes_) reasons += (reasons.empty() ? "" : ", ") + reason;
  log_debug("quant", "{}: {} forward passes ({})", block.spec->name, passes_.size(), reasons);
  passes_.clear();
  if (!coverage_.empty()) log_info("quant", "{}", coverage_text(block.moe->spec->name, coverage_));
  return std::exchange(coverage_, {});
}

}  // namespace msmodelslim
