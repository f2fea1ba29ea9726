#pragma once
// What the bytes of a result depend on, as hashes: two runs with the same ones may share work.

#include "base/json.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

// {"model", "recipe", "options", "calibration set", "version", "other recipes and statistics"}:
// hash texts. Of weight files the name, size and time of change count, not the content.
Json fingerprint(const QuantJob& job);

// The same of what its passes gather, but for the plan (same_statistics.h): "version", "model",
// "options", "calibration set". Two jobs with the same ones and the same plan gather the same.
Json statistics_print(const QuantJob& job);
// {"print", "recipe"}: what a file of its statistics says about them.
Json statistics_header(const QuantJob& job);

}  // namespace msmodelslim
