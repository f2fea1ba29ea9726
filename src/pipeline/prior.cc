#include "pipeline/prior.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "observe/rows.h"
#include "pipeline/float_pass.h"
#include "suppress/adapt_rotation.h"
#include "suppress/quarot.h"

namespace msmodelslim {
namespace {

// Rows of all linears that are kept for one fit; more would not change it.
constexpr std::int64_t kMostRows = 32768;

// The inputs of the chosen linears in the float model with folded norms, [rows, hidden].
std::vector<float> collect_rows(const std::set<std::string>& linears, std::int64_t max_samples,
                                const std::vector<std::vector<std::int32_t>>& samples,
                                const ModelSpec& model, const CheckpointReader& checkpoint,
                                bool quiet, const std::string& scratch) {
  const std::int64_t each =
      std::min(max_samples,
               std::max<std::int64_t>(1, kMostRows / static_cast<std::int64_t>(linears.size())));
  std::optional<RowsTap> tap;
  const FloatPass pass{model, checkpoint, "adapt_rotation", quiet, scratch};
  pass.run(
      samples,
      [&](Block& block, const std::vector<Sequence>& sequences) {
        if (!tap)
          tap.emplace(std::vector<std::string>(linears.begin(), linears.end()),
                      spread_rows(sequences, each));
        fold_norms(block);
        return std::vector<Tap*>{&*tap};
      },
      [] {});
  std::vector<float> rows;
  for (const std::string& name : linears) {
    rows.insert(rows.end(), tap->rows(name).begin(), tap->rows(name).end());
    tap->drop(name);
  }
  return rows;
}

std::vector<float> fit(const AdaptRotationStep& step,
                       const std::vector<std::vector<std::int32_t>>& samples,
                       const ModelSpec& model, const CheckpointReader& checkpoint, bool quiet,
                       const std::string& scratch) {
  std::vector<float> rows = collect_rows(fitted_linears(step, model), step.max_samples, samples,
                                         model, checkpoint, quiet, scratch);
  const auto count = static_cast<std::int64_t>(rows.size()) / model.hidden;
  AdaptConfig config;
  config.steps = static_cast<int>(step.steps);
  config.bits = step.bits;
  AdaptResult result = adapt_rotation(config, Rotation::hadamard(model.hidden, step.block_size),
                                      std::move(rows), count);
  for (std::size_t i = 0; i < result.losses.size(); ++i)
    log_debug("quant", "adapt_rotation step {}: loss {:.6g}", i, result.losses[i]);
  log_info("quant", "adapt_rotation: loss {:.6g} -> {:.6g} after {} steps on {} rows",
           result.losses.front(), *std::min_element(result.losses.begin(), result.losses.end()),
           result.losses.size() - 1, count);
  return std::move(result.matrix);
}

}  // namespace

std::set<std::string> fitted_linears(const AdaptRotationStep& step, const ModelSpec& model) {
  std::set<std::string> names;
  for (const BlockSpec& block : model.blocks)
    for (const LinearSpec* linear : block.linears()) {
      const std::string inner = linear->name.substr(block.name.size());
      const bool chosen = std::any_of(
          step.layer_types.begin(), step.layer_types.end(),
          [&](const std::string& part) { return inner.find(part) != std::string::npos; });
      if (!chosen || block.mtp) continue;
      if (linear->in != model.hidden)
        throw UsageError(
            fmt::format("adapt_rotation: layer_type selects {}, which reads {} values, "
                        "not the {} of the residual stream",
                        linear->name, linear->in, model.hidden),
            "choose q_proj, k_proj, v_proj, gate_proj or up_proj");
      names.insert(linear->name);
    }
  if (names.empty())
    throw UsageError("adapt_rotation: layer_type selects no linear of this model",
                     "choose q_proj, k_proj, v_proj, gate_proj or up_proj");
  return names;
}

PriorResult run_priors(const std::vector<PriorStage>& stages,
                       const std::vector<std::vector<std::vector<std::int32_t>>>& samples,
                       const ModelSpec& model, const CheckpointReader& checkpoint, bool quiet,
                       const std::string& scratch) {
  PriorResult result;
  for (std::size_t i = 0; i < stages.size(); ++i)
    for (const AdaptRotationStep& step : stages[i].steps)
      result.rotation = fit(step, samples.at(i), model, checkpoint, quiet, scratch);
  return result;
}

}  // namespace msmodelslim
