#pragma once
// apiversion modelslim_convert: weights in another form, without data and without a forward pass.
// Reference: analysis-tuning-evaluation, section 3.

#include <string>
#include <vector>

namespace msmodelslim {

// What a linear's weight is stored as. FLOAT, FP8_BLOCK, INT4_PACKED and NVFP4_MODELOPT can be
// read; FLOAT, W8A8_MXFP8, W4A8_MXFP8 and W4A4_MXFP4 can be written.
struct ConvertRule {
  std::vector<std::string> match;  // patterns of module names, case-sensitive
  std::string target;
  std::vector<std::string> route;  // empty: through FLOAT, whatever the source is
  std::string path;                // where the recipe says so
};

// One change of names or shapes before anything is converted.
struct PreprocessRule {
  enum class Kind {
    kRename,  // `source`: one regular expression for the whole name; `target`: the new name, \1 ...
    kChunk,   // [experts, a, b] -> matrices PREFIX.<expert>.<projection>.weight
    kMerge    // matrices side by side, then, if the target has a * less, one above the other
  };
  Kind kind = Kind::kRename;
  std::vector<std::string> source;
  std::vector<std::string> target;
  int dim = 1;                           // kChunk: 1 rows, 2 columns; kMerge: 0 rows, 1 columns
  std::vector<std::string> projections;  // kChunk
  std::string path;
};

struct ConvertPlan {
  std::vector<ConvertRule> rules;  // the first that matches a linear wins
  std::vector<PreprocessRule> preprocess;
  bool ascendv1 = true;    // else model-*.safetensors as Hugging Face has it
  int part_file_size = 4;  // GiB; 0: one file
};

inline constexpr const char* kFloatForm = "FLOAT";

}  // namespace msmodelslim
