#pragma once
// Reads a finished folder back and checks that an engine can load it (formats reference, section
// 7).

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/reader.h"
#include "checkpoint/shard_writer.h"
#include "model/spec.h"

namespace msmodelslim {

// Problems found, each naming the tensor or file; empty when the folder is sound.
//
// Checks: every tensor of `written` is there with its dtype, shape and hash; the description has an
// entry for every tensor and the reverse; every linear of the model has exactly the tensors of its
// type with the right shapes and dtypes; scales are positive and finite; fused groups (qkv,
// gate_up) share one type and, when static, one input scale and offset; config.json carries no
// quantization_config. `allow_mixed_groups`: the user was warned that a fused group has several
// types and goes on.
std::vector<std::string> find_problems(const std::string& folder, const ModelSpec& model,
                                       const std::vector<WrittenTensor>& written,
                                       bool allow_mixed_groups);

// Parts that other formats check too: the tensors that are not as they were handed over, and the
// first scale that is not positive (or, where codes may be mirrored, not 0) and finite.
std::vector<std::string> find_changed_tensors(const CheckpointReader& reader,
                                              const std::vector<WrittenTensor>& written);
// Also: an input value of two linears that engines fuse, which must be the same.
std::optional<std::string> input_problem(const CheckpointReader& reader, const LinearSpec& first,
                                         const LinearSpec& member, const std::string& suffix);
std::optional<std::string> scale_problem(const std::string& name, const TensorView& view,
                                         bool negative_too = false);

// Throws DataError with the list when there is one.
void require_sound(const std::string& folder, const std::vector<std::string>& problems);

}  // namespace msmodelslim
