#pragma once
// The files that a run read and wrote, for its report.
//
// The weights of the source are not hashed as a whole unless SHA-256 is asked for: what tells two
// releases of a model apart without reading them is the hash of each header, which holds the names,
// types, shapes and places of all tensors, beside the size and the time of change.

#include <string>

#include "base/json.h"
#include "checkpoint/reader.h"

namespace msmodelslim {

// The weight files of the source: [{name, bytes, modified, header_xxh3_128, sha256}]. `modified`:
// UTC; `header_xxh3_128`: of the first 8 bytes and the JSON behind them, null where the file is not
// safetensors; `sha256`: of the whole file, null unless asked for.
Json source_files(const CheckpointReader& source, bool sha256);

// All files below `folder` by name, but not the report itself: [{name, bytes, sha256}].
Json written_files(const std::string& folder, bool sha256);

}  // namespace msmodelslim
