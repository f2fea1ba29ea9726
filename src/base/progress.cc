#include "base/progress.h"

#include <unistd.h>

#include <cstdio>
#include <numeric>

#include "base/log.h"
#include "base/usage.h"

namespace msmodelslim {

Progress::Progress(std::string logger, std::int64_t blocks, std::int64_t tokens, bool quiet,
                   std::int64_t first)
    : Progress(std::move(logger), std::vector<double>(static_cast<std::size_t>(blocks), 1.0),
               tokens, quiet, first) {}

Progress::Progress(std::string logger, std::vector<double> costs, std::int64_t tokens, bool quiet,
                   std::int64_t first)
    : logger_(std::move(logger)),
      costs_(std::move(costs)),
      tokens_(tokens),
      first_(first),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (terminal_ && !quiet_) std::fputs("\r\033[K", stderr);
}

void Progress::at(std::int64_t index, const std::string& what) {
  if (quiet_) return;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  std::string text = fmt::format("block {}/{}  {}", index + 1, costs_.size(), what);
  if (const std::int64_t done = index - first_; done > 0) {
    if (tokens_ > 0)
      text += fmt::format("  {:.0f} tokens/s", static_cast<double>(tokens_ * done) /
                                                   static_cast<double>(costs_.size()) / seconds);
    const auto here = costs_.begin() + index;
    const double spent = std::accumulate(costs_.begin() + first_, here, 0.0);
    const double left = std::accumulate(here, costs_.end(), 0.0);
    text += fmt::format("  ETA {:.0f} s", seconds / spent * left);
  }
  text += fmt::format("  peak {:.2f} GB", static_cast<double>(peak_private_bytes()) / 1e9);
  if (terminal_)
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
  else
    log_info(logger_, "{}", text);
}

}  // namespace msmodelslim
