#include "cli/eval_command.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/error.h"
#include "recipe/nearest.h"

namespace msmodelslim {

int run_eval(const std::vector<std::string>& words) {
  std::vector<std::string> names = task_names();
  names.insert(names.begin(), {"ppl", "compare"});
  if (words.empty() || words[0] == "-h" || words[0] == "--help") {
    std::printf(
        "msmodelslim eval NAME OPTIONS\n\n"
        "ppl                                   perplexity and distance from a float model on a "
        "text\n"
        "compare                               the distance in detail: tokens, blocks, worst "
        "places\n"
        "hellaswag, boolq, gsm8k, mmlu, ceval  benchmarks, from local files\n\n"
        "`msmodelslim eval NAME --help` explains each.\n");
    return 0;
  }
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (words[0] == "ppl") return run_eval_ppl(rest);
  if (words[0] == "compare") return run_eval_compare(rest);
  if (const auto task = find_task(words[0])) return run_eval_task(*task, rest);
  throw UsageError(fmt::format("eval knows no \"{}\"{}", words[0], did_you_mean(words[0], names)),
                   "available: eval ppl, compare, hellaswag, boolq, gsm8k, mmlu, ceval");
}

}  // namespace msmodelslim
