// Tokens per second of the runtime in a process that is warm, each the best of ROUNDS (3): a prompt
// of 512 tokens, 64 tokens behind one token, and eight answers of 64 tokens at once. One row of a
// table.
//
//   runtime_bench FOLDER [ROUNDS] [int8]     int8: the head, too
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/threads.h"
#include "runtime/scheduler.h"

namespace msmodelslim {
namespace {

// Seconds of `prompts` prompts with `tokens` tokens, no two of which begin alike, and `new_tokens`
// tokens behind each.
double seconds(ModelRunner& runner, int prompts, int tokens, int new_tokens) {
  static std::int32_t first = 0;
  Scheduler scheduler(runner, {}, 64, 0);
  SamplingParams params;
  params.temperature = 0;
  params.max_tokens = new_tokens;
  params.ignore_eos = true;
  for (int i = 0; i < prompts; ++i) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens));
    for (int j = 0; j < tokens; ++j) ids[static_cast<std::size_t>(j)] = 100 + first + j;
    first = (first + 1) % 1000;
    scheduler.add(ids, params);
  }
  const auto start = std::chrono::steady_clock::now();
  while (!scheduler.idle()) scheduler.step();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int run(int argc, char** argv) {
  constexpr int kPrompt = 512;
  constexpr int kNew = 64;
  constexpr int kStreams = 8;
  const std::string folder = argv[1];
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
  LoadOptions options;
  options.int8_head = argc > 3;
  ModelRunner runner(folder, 1024, options);
  const auto best = [&](int prompts, int tokens, int new_tokens) {
    double least = 1e9;
    for (int i = 0; i < rounds; ++i)
      least = std::min(least, seconds(runner, prompts, tokens, new_tokens));
    return least;
  };
  seconds(runner, 1, kPrompt, 1);
  const double prefill = kPrompt / best(1, kPrompt, 1);
  const double one = kNew / (best(1, 1, kNew + 1) - best(1, 1, 1));
  const double eight = kStreams * kNew / (best(kStreams, 1, kNew + 1) - best(kStreams, 1, 1));
  std::printf("| %s | %.1f | %.1f | %.1f (%.1f x) |\n",
              std::filesystem::path(folder).filename().c_str(), prefill, one, eight, eight / one);
  return 0;
}

}  // namespace
}  // namespace msmodelslim

int main(int argc, char** argv) {
  msmodelslim::sleep_while_waiting(argv, 5000);  // as generate does
  if (argc < 2) {
    std::fprintf(stderr, "usage: runtime_bench FOLDER [ROUNDS] [int8]\n");
    return 2;
  }
  return msmodelslim::run(argc, argv);
}
