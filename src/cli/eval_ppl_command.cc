#include <chrono>
#include <cstdio>

#include "base/files.h"
#include "base/threads.h"
#include "cli/command_line.h"
#include "cli/eval_command.h"
#include "eval/perplexity.h"
#include "text/tokenizer.h"

namespace msmodelslim {
namespace {

const char* const kAbout =
    "Perplexity of a float or quantized folder on a text file; with --float_path also the mean KL\n"
    "divergence per token and the top-1 agreement. A quantized folder is computed with the "
    "engine's\n"
    "own integer arithmetic. Several folders are compared in one go: the float model runs once.\n"
    "Example: msmodelslim eval ppl --model_path Q --float_path M --text wiki.txt --seqlen 1024 "
    "--windows 10";

struct PplArgs {
  PerplexityOptions options;
  std::string float_path;
  std::string text;
  int threads = 0;
  std::string lm_head = "float";
};

void declare(CLI::App& app, PplArgs& args) {
  app.add_option("model,--model_path", args.options.model_paths,
                 "float or quantized model folders, one or more")
      ->required();
  app.add_option("--float_path", args.float_path, "the float folder to compare with");
  app.add_option("--text", args.text, "UTF-8 text file")->required();
  app.add_option("--seqlen", args.options.seqlen, "tokens per window (2048)")
      ->check(CLI::Range(2, 1 << 20));
  app.add_option("--windows", args.options.windows, "windows to use (default: all that fit)")
      ->check(CLI::NonNegativeNumber);
  add_lm_head_option(app, args.lm_head);
  app.add_option("--threads", args.threads, "threads (default: all that this process may use)")
      ->check(CLI::PositiveNumber);
}

void print(const PerplexityResult& result) {
  std::printf("windows            %lld (%lld predictions)\n",
              static_cast<long long>(result.windows), static_cast<long long>(result.predictions));
  if (result.float_perplexity) std::printf("perplexity float   %.3f\n", *result.float_perplexity);
  std::printf("perplexity         %.3f\n", result.perplexity);
  if (result.nll_difference)
    std::printf("mean NLL change    %+.5f +- %.5f\n", result.nll_difference->mean,
                result.nll_difference->error);
  if (result.kl)
    std::printf("mean KL per token  %.5f +- %.5f\n", result.kl->mean, result.kl->error);
  if (result.top1_agreement)
    std::printf("top-1 agreement    %.2f %%\n", 100 * *result.top1_agreement);
}

}  // namespace

int run_eval_ppl(const std::vector<std::string>& words) {
  PplArgs args;
  CLI::App app(kAbout, "msmodelslim eval ppl");
  declare(app, args);
  if (!parse_words(app, words)) return 0;
  if (!args.float_path.empty()) args.options.float_path = args.float_path;
  if (args.threads > 0) set_thread_count(args.threads);
  args.options.load = load_options(args.lm_head);
  const auto start = std::chrono::steady_clock::now();
  const Tokenizer tokenizer = Tokenizer::load(args.options.model_paths.front());
  const auto ids = tokenizer.encode(read_file(args.text), /*add_special_tokens=*/false);
  const auto results = evaluate_perplexity(args.options, ids);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results.size() > 1)
      std::printf("%s%s\n", i > 0 ? "\n" : "", args.options.model_paths[i].c_str());
    print(results[i]);
  }
  std::printf("time               %.1f s\n",
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return 0;
}

}  // namespace msmodelslim
