#pragma once
// What the bytes of a result depend on, as hashes: two runs with the same ones may share work.

#include "base/json.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

// {"model", "recipe", "options", "calibration set", "version"}: hash texts. Of weight files the
// name, size and time of change count, not the content.
Json fingerprint(const QuantJob& job);

}  // namespace msmodelslim
