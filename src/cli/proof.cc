#include "cli/proof.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "eval/perplexity.h"
#include "pipeline/cost.h"
#include "runtime/llm.h"
#include "text/dataset.h"
#include "text/tokenizer_file.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "quant";
constexpr const char* kText = "eval_en_zh.txt";
constexpr double kShare = 0.08;  // of the calibration's products; the rest is what is not counted
constexpr std::int64_t kLength = 256;
constexpr std::int64_t kMostTokens = 2048;
constexpr std::int64_t kFewestTokens = 64;
constexpr std::int64_t kAskedTokens = 512;  // with --max_kl, whatever it costs

std::vector<std::int32_t> held_out_ids(const std::string& model_path) {
  return Tokenizer::load(model_path).encode(read_file(resolve_calib_path(kText)), false);
}

std::int64_t affordable_tokens(const ModelSpec& model, const QuantJob& job) {
  const double weights = weights_per_token(model) +
                         static_cast<double>(model.vocab) * static_cast<double>(model.hidden);
  const double tokens = kShare * calibration_flop(model, job.plan, job.samples) / (2 * 2 * weights);
  return std::min(kMostTokens, static_cast<std::int64_t>(tokens));
}

void print_quality(const char* what, const Proof& proof) {
  std::printf("%s perplexity %.3f -> %.3f, KL %.5f +- %.5f, top-1 %.1f %%\n", what,
              proof.float_perplexity, proof.perplexity, proof.kl.mean, proof.kl.error,
              100 * proof.top1_agreement);
}

}  // namespace

std::vector<std::vector<std::int32_t>> held_out_sequences(const QuantArgs& args,
                                                          const ModelSpec& model,
                                                          const QuantJob& job) {
  if (args.verify == Verify::kNone) return {};
  // What --verify full needs afterwards must not be found missing then.
  const bool certain = args.verify == Verify::kFull || args.max_kl;
  std::vector<std::int32_t> ids;
  if (certain) ids = held_out_ids(args.model_path);
  std::int64_t tokens = affordable_tokens(model, job);
  if (args.max_kl) tokens = std::max(tokens, kAskedTokens);
  if (tokens < kFewestTokens) {
    if (args.verify == Verify::kQuick)
      log_info(kLogger,
               "the result is not scored: that would take more than a tenth of this run; "
               "--verify full does it afterwards");
    return {};
  }
  if (ids.empty() && find_tokenizer_file(args.model_path).empty()) {
    log_info(kLogger, "the result is not scored: the folder has no tokenizer");
    return {};
  }
  try {
    if (ids.empty()) ids = held_out_ids(args.model_path);
  } catch (const DataError& error) {  // token ids were given because of this
    log_warning(kLogger, "the result is not scored: {}", error.what());
    return {};
  }
  const auto most = static_cast<std::int64_t>(ids.size());
  const std::int64_t length = std::min({kLength, tokens, most, model.max_position});
  if (length < 2) return {};
  const std::int64_t count = std::min(tokens, most) / length;
  std::vector<std::vector<std::int32_t>> sequences;
  for (std::int64_t i = 0; i < count; ++i) {  // spread over the text
    const auto begin = ids.begin() + (most - length) * i / std::max<std::int64_t>(1, count - 1);
    sequences.emplace_back(begin, begin + length);
  }
  return sequences;
}

Proof full_proof(const std::string& folder, const std::string& float_folder) {
  PerplexityOptions options;
  options.model_paths = {folder};
  options.float_path = float_folder;
  options.seqlen = 512;
  options.windows = 4;
  const PerplexityResult result = evaluate_perplexity(options, held_out_ids(float_folder)).front();
  const Proof proof = {*result.float_perplexity, result.perplexity, *result.kl,
                       *result.top1_agreement};
  print_quality("loaded and scored ", proof);
  Llm llm(folder);
  SamplingParams params;
  params.max_tokens = 16;
  params.temperature = 0;
  const Completion answer = llm.generate({"The capital of France is"}, params).front();
  std::printf("it goes on         %s|%s\n", answer.prompt.c_str(), answer.text.c_str());
  return proof;
}

void report_proof(const HeldOutProof& proof, const ModelSpec& model, bool quiet) {
  // A block's own part: how much the error grew across it.
  std::size_t worst = 0;
  double most = 0;
  double before = 0;
  for (std::size_t i = 0; i < proof.block_errors.size(); ++i) {
    const double growth = proof.block_errors[i] - before;
    before = proof.block_errors[i];
    if (growth <= most) continue;
    most = growth;
    worst = i;
  }
  for (std::size_t i = 0; i < proof.block_errors.size(); ++i)
    log_debug(kLogger, "{}: relative error of its output {:.5f}", model.blocks[i].name,
              proof.block_errors[i]);
  if (quiet) return;
  std::printf("held-out text      %lld x %lld tokens\n", static_cast<long long>(proof.sequences),
              static_cast<long long>(proof.tokens / proof.sequences));
  print_quality("quality           ",
                {proof.float_perplexity, proof.perplexity, proof.kl, proof.top1_agreement});
  std::printf("output error       %.4f behind the last block; it grows most in %s, by %.4f\n",
              proof.block_errors.back(), model.blocks[worst].name.c_str(), most);
}

void advise(const AdviceFacts& facts) {
  if (facts.kl <= kBadKl) return;
  log_warning(kLogger,
              "mean KL {:.3f} is bad (above {}); what may help here, in this order:", facts.kl,
              kBadKl);
  int number = 0;
  for (const std::string& line : advice_for(facts)) log_warning(kLogger, "{}. {}", ++number, line);
}

}  // namespace msmodelslim
