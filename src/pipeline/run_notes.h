#pragma once
// What a run notes on its way for the report. Of all experts of a layer there is one note, so that
// the report of a model with many of them stays small.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "observe/input_summary.h"
#include "quantize/scale_histogram.h"

namespace msmodelslim {

// "model.layers.3.mlp.experts.17.down_proj" -> "model.layers.3.mlp.experts.*.down_proj"
std::string without_expert(const std::string& linear);

class RunNotes {
 public:
  // What smoothing by the entry `by` made of the input of a linear. Of several experts: the
  // extremes of all, and the mean of each percentile.
  void add_change(const std::string& by, const std::string& linear, const InputChange& change);
  // Weight scales, and the values that a static input scale can express.
  void add_quantized(const QuantizedLinear& linear);

  // {inputs: [{linear, linears, by, statistic: "max" or "mean", before, after}], before and after:
  // {min, max, channels}; static_inputs: [{linear, linears, min, max}]; scales: [{kind,
  // bins_per_octave, first, counts, others}]}. `linears`: so many experts; `channels`: see
  // InputSummary; `first`: the bin of counts[0], see ScaleHistogram. Six digits are kept.
  Json json() const;
  static RunNotes from_json(const Json& json);

 private:
  struct Change {
    std::string linear;
    std::string by;
    std::int64_t linears = 0;
    InputChange change;
  };
  struct Static {
    std::int64_t linears = 0;
    MinMax range{0, 0};
  };
  std::vector<Change> changes_;
  std::vector<std::string> static_names_;  // in order
  std::map<std::string, Static> statics_;
  std::map<std::string, ScaleHistogram> scales_;  // by kind of linear
};

}  // namespace msmodelslim
