#include "cli/diff_attribution.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/files.h"
#include "eval/compare.h"
#include "text/dataset.h"
#include "text/tokenizer_file.h"

namespace msmodelslim {
namespace {

Attribution::Side side(const Comparison& comparison) {
  Attribution::Side side{comparison.perplexity, comparison.mean_kl, {}};
  for (const BlockDistance& block : comparison.blocks) side.errors.push_back(block.error);
  return side;
}

double growth(const std::vector<double>& errors, std::size_t block) {
  return errors[block] - (block == 0 ? 0 : errors[block - 1]);
}

Json to_json(const Attribution::Side& side) {
  return {{"perplexity", side.perplexity},
          {"kl", {{"mean", side.kl.mean}, {"stderr", side.kl.error}}},
          {"block_errors", side.errors}};
}

}  // namespace

std::vector<double> Attribution::growth_difference() const {
  std::vector<double> differences;
  if (a.errors.size() != b.errors.size()) return differences;
  for (std::size_t i = 0; i < a.errors.size(); ++i)
    differences.push_back(growth(b.errors, i) - growth(a.errors, i));
  return differences;
}

Json Attribution::json() const {
  return {{"float_perplexity", float_perplexity},
          {"blocks", blocks},
          {"a", to_json(a)},
          {"b", to_json(b)}};
}

Attribution attribute(const std::string& a, const std::string& b,
                      const AttributionOptions& options) {
  CompareOptions compare;
  compare.float_path = options.float_path;
  compare.seqlen = options.seqlen;
  compare.windows = options.windows;
  compare.worst = 0;
  const auto ids = Tokenizer::load(options.float_path)
                       .encode(read_file(resolve_calib_path(options.text)), false);
  compare.model_path = a;
  const Comparison first = compare_models(compare, ids);
  compare.model_path = b;
  const Comparison second = compare_models(compare, ids);
  Attribution result;
  result.float_perplexity = first.float_perplexity;
  result.a = side(first);
  result.b = side(second);
  for (const BlockDistance& block : first.blocks.empty() ? second.blocks : first.blocks)
    result.blocks.push_back(block.block);
  return result;
}

void print(const Attribution& attribution) {
  const auto& [float_perplexity, blocks, a, b] = attribution;
  std::printf("\n| | float | A | B |\n|---|---:|---:|---:|\n");
  std::printf("| perplexity | %.3f | %.3f | %.3f |\n", float_perplexity, a.perplexity,
              b.perplexity);
  std::printf("| KL per token | 0 | %.5f +- %.5f | %.5f +- %.5f |\n", a.kl.mean, a.kl.error,
              b.kl.mean, b.kl.error);
  const std::vector<double> differences = attribution.growth_difference();
  if (differences.empty()) {
    std::printf(
        "\nThe hidden states of a folder are rotated, and it does not hold the matrix: blocks "
        "cannot be compared.\n");
    return;
  }
  std::printf(
      "\n| block | error of A | error of B | more arises in B by |\n|---|---:|---:|---:|\n");
  for (std::size_t i = 0; i < blocks.size(); ++i)
    std::printf("| %s | %.4f | %.4f | %+.4f |\n", blocks[i].c_str(), a.errors[i], b.errors[i],
                differences[i]);
  const auto worst =
      std::max_element(differences.begin(), differences.end(),
                       [](double left, double right) { return std::abs(left) < std::abs(right); });
  if (*worst == 0) return;
  std::printf("\nThey differ most in %s: %s loses more there.\n",
              blocks[static_cast<std::size_t>(worst - differences.begin())].c_str(),
              *worst > 0 ? "B" : "A");
}

}  // namespace msmodelslim
