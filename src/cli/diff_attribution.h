#pragma once
// In which block which of two quantized folders loses more, on a text, against the float model that
// both were made from. The error of a block is that of eval/compare.h: of its hidden states, each
// model on its own inputs. What arises in a block is what its error has grown by since the block
// before.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/statistics.h"

namespace msmodelslim {

struct AttributionOptions {
  std::string float_path;
  std::string text = "eval_en_zh.txt";  // a file, or the name of a calibration set
  std::int64_t seqlen = 256;
  std::int64_t windows = 4;  // 0: all that fit
};

struct Attribution {
  struct Side {
    double perplexity = 0;
    MeanError kl;
    std::vector<double> errors;  // of each block; empty: its rotation is not known
  };
  double float_perplexity = 0;
  std::vector<std::string> blocks;
  Side a;
  Side b;

  // What arises in each block of B above what arises there of A; empty without errors of both.
  std::vector<double> growth_difference() const;
  Json json() const;
};

// Throws DataError when a folder does not belong to the float model.
Attribution attribute(const std::string& a, const std::string& b,
                      const AttributionOptions& options);

void print(const Attribution& attribution);

}  // namespace msmodelslim
