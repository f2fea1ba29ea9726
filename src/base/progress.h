#pragma once
// Progress of a long run: one line that is rewritten on a terminal, plain log lines elsewhere.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace msmodelslim {

class Progress {
 public:
  // `tokens`: calibration tokens that pass through each block (0: data-free). `first`: the block
  // that is begun with.
  Progress(std::string logger, std::int64_t blocks, std::int64_t tokens, bool quiet,
           std::int64_t first = 0);
  // `costs`: of each block, in any unit; the time that is left is told by them.
  Progress(std::string logger, std::vector<double> costs, std::int64_t tokens, bool quiet,
           std::int64_t first = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Block `index` (0-based) now runs `what`.
  void at(std::int64_t index, const std::string& what);

 private:
  std::string logger_;
  std::vector<double> costs_;
  std::int64_t tokens_;
  std::int64_t first_;
  bool quiet_;
  bool terminal_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace msmodelslim
