#pragma once
// Reads a finished compressed-tensors folder back and checks that an engine can load it.

#include <set>
#include <string>
#include <vector>

#include "checkpoint/shard_writer.h"
#include "model/spec.h"

namespace msmodelslim {

// As find_problems() of verify.h: every tensor of `written` is there unchanged and nothing else;
// every linear of the model has exactly the tensors of its scheme, as the folder's own config.json
// says it, with the right shapes and dtypes; scales are positive; embedding, head and norms are
// float; fused groups share one scheme and, when static, one input scale and zero point.
// `copied`: tensors that belong to no module we know.
std::vector<std::string> find_compressed_problems(const std::string& folder, const ModelSpec& model,
                                                  const std::vector<WrittenTensor>& written,
                                                  bool allow_mixed_groups,
                                                  const std::set<std::string>& copied = {});

}  // namespace msmodelslim
