#include <algorithm>
#include <cstdio>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "cli/command_line.h"
#include "cli/eval_command.h"
#include "eval/compare.h"
#include "text/tokenizer.h"

namespace msmodelslim {
namespace {

const char* const kAbout =
    "A quantized folder beside its float model on a text: how far their predictions are apart, in\n"
    "which block it begins, and at which tokens it is worst.\n"
    "Example: msmodelslim eval compare --model_path Q --float_path M --text wiki.txt --windows 4";

struct CompareArgs {
  CompareOptions options;
  std::string text;
  std::string output;
  int threads = 0;
};

void declare(CLI::App& app, CompareArgs& args) {
  app.add_option("model,--model_path", args.options.model_path, "quantized model folder")
      ->required();
  app.add_option("--float_path", args.options.float_path, "the float folder it was made from")
      ->required();
  app.add_option("--text", args.text, "UTF-8 text file")->required();
  app.add_option("--seqlen", args.options.seqlen, "tokens per window (2048)")
      ->check(CLI::Range(2, 1 << 20));
  app.add_option("--windows", args.options.windows, "windows to use (default: all that fit)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--worst", args.options.worst, "so many worst tokens (10)");
  app.add_option("--output", args.output, "JSON file for all of it");
  app.add_option("--threads", args.threads, "threads (default: all that this process may use)")
      ->check(CLI::PositiveNumber);
}

void print_summary(const Comparison& c) {
  std::printf("| %lld predictions | float | quantized |\n|---|---:|---:|\n",
              static_cast<long long>(c.predictions));
  std::printf("| perplexity | %.3f | %.3f |\n\n", c.float_perplexity, c.perplexity);
  std::printf("| distance | mean | stderr |\n|---|---:|---:|\n");
  std::printf("| KL per token | %.5f | %.5f |\n", c.mean_kl.mean, c.mean_kl.error);
  std::printf("| NLL change | %+.5f | %.5f |\n", c.nll_difference.mean, c.nll_difference.error);
  std::printf("| top-1 agreement, %% | %.2f | %.2f |\n", 100 * c.top1.mean, 100 * c.top1.error);
  std::printf("| top-5 overlap, %% | %.2f | %.2f |\n", 100 * c.top5.mean, 100 * c.top5.error);
  std::printf("| change of the true token's probability, rms, %% | %.2f | |\n\n",
              100 * c.probability_rms);
  std::printf("| percentile | 50 | 90 | 99 | 99.9 | max |\n|---|---:|---:|---:|---:|---:|\n| KL |");
  for (const double p : {50.0, 90.0, 99.0, 99.9, 100.0})
    std::printf(" %.4f |", percentile(c.kl, p));
  std::printf("\n\nBy mean KL this is %s (a rule of thumb: 0.005, 0.02, 0.1).\n", c.verdict());
}

void print_blocks(const Comparison& c) {
  if (c.blocks.empty()) {
    std::printf(
        "\nThe hidden states of the folder are rotated, and it does not hold the matrix: its "
        "blocks "
        "cannot be compared.\n");
    return;
  }
  std::printf("\n| block | relative error | SNR, dB | cosine |\n|---|---:|---:|---:|\n");
  for (const BlockDistance& block : c.blocks)
    std::printf("| %s | %.4f | %.1f | %.5f |\n", block.block.c_str(), block.error, block.snr,
                block.cosine);
}

// Text of tokens in one table cell.
std::string cell(const Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
  std::string out;
  for (const char c : tokenizer.decode(ids, false)) {
    if (c == '\n')
      out += "\\n";
    else if (c == '|')
      out += "\\|";
    else
      out += c;
  }
  return out;
}

void print_worst(const Comparison& c, const Tokenizer& tokenizer, std::span<const std::int32_t> ids,
                 std::int64_t seqlen) {
  constexpr std::int64_t kContext = 12;
  std::printf("\n| KL | context | next | float says | quantized says |\n|---:|---|---|---|---|\n");
  for (const WorstToken& token : c.worst) {
    const std::int64_t context = std::min(kContext, token.position);
    const auto begin = static_cast<std::size_t>(token.window * seqlen + token.position - context);
    std::printf("| %.3f | %s | %s (%.3f, %.3f) | %s | %s |\n", token.kl,
                cell(tokenizer, ids.subspan(begin, static_cast<std::size_t>(context))).c_str(),
                cell(tokenizer, {&token.next, 1}).c_str(), token.float_probability,
                token.probability, cell(tokenizer, {&token.float_choice, 1}).c_str(),
                cell(tokenizer, {&token.choice, 1}).c_str());
  }
}

}  // namespace

int run_eval_compare(const std::vector<std::string>& words) {
  CompareArgs args;
  CLI::App app(kAbout, "msmodelslim eval compare");
  declare(app, args);
  if (!parse_words(app, words)) return 0;
  if (args.threads > 0) set_thread_count(args.threads);
  const Tokenizer tokenizer = Tokenizer::load(args.options.model_path);
  const auto ids = tokenizer.encode(read_file(args.text), /*add_special_tokens=*/false);
  const Comparison result = compare_models(args.options, ids);
  print_summary(result);
  print_blocks(result);
  if (!result.worst.empty()) print_worst(result, tokenizer, ids, args.options.seqlen);
  if (args.output.empty()) return 0;
  std::ofstream file(args.output);
  file << result.json().dump(2) << "\n";
  if (!file.flush())
    throw ResourceError("cannot write " + args.output, "check the path and the free space");
  return 0;
}

}  // namespace msmodelslim
