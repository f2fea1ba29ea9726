// Tokenizer speed on a text file: bytes per second on one thread, and the time to load.
//   MSMODELSLIM_BENCH_TOKENIZER  folder with tokenizer.json
//   MSMODELSLIM_BENCH_TEXT       UTF-8 text, for example WikiText-2's wiki.test.raw
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/files.h"
#include "text/tokenizer.h"

namespace msmodelslim {
namespace {

std::string setting(benchmark::State& state, const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) state.SkipWithError(name);
  return value != nullptr ? value : "";
}

void BM_Load(benchmark::State& state) {
  const std::string folder = setting(state, "MSMODELSLIM_BENCH_TOKENIZER");
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::load(folder));
}
BENCHMARK(BM_Load)->Unit(benchmark::kMillisecond);

// range(0): bytes of each text; 0: the whole file at once.
void BM_Encode(benchmark::State& state) {
  const std::string folder = setting(state, "MSMODELSLIM_BENCH_TOKENIZER");
  const std::string path = setting(state, "MSMODELSLIM_BENCH_TEXT");
  if (folder.empty() || path.empty()) return;
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const std::string text = read_file(path);
  const auto piece = state.range(0) == 0 ? text.size() : static_cast<std::size_t>(state.range(0));
  for (auto _ : state)
    for (std::size_t begin = 0; begin < text.size(); begin += piece)
      benchmark::DoNotOptimize(tokenizer.encode(std::string_view(text).substr(begin, piece), true));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_Encode)->Arg(0)->Arg(400)->Unit(benchmark::kMillisecond);

void BM_Decode(benchmark::State& state) {
  const std::string folder = setting(state, "MSMODELSLIM_BENCH_TOKENIZER");
  const std::string path = setting(state, "MSMODELSLIM_BENCH_TEXT");
  if (folder.empty() || path.empty()) return;
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const std::string text = read_file(path);
  const std::vector<std::int32_t> ids = tokenizer.encode(text, false);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.decode(ids, false));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_Decode)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace msmodelslim

BENCHMARK_MAIN();
