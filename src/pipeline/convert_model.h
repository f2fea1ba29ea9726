#pragma once
// Carries out a modelslim_convert plan: tensor by tensor, in the order of the files, without data
// and without a forward pass. Memory: one tensor in fp32. The bytes do not depend on the number of
// threads.
//
//   FP8_BLOCK, INT4_PACKED, NVFP4_MODELOPT -> FLOAT   values in the dtype of config.json
//   FLOAT -> W8A8_MXFP8, W4A8_MXFP8, W4A4_MXFP4       blocks of 32, see quantize/mx.h; the others
//   go
//                                                     there through FLOAT
//
// What no rule matches stays as it is: codes with their scales too, where the output has a place
// for them (Hugging Face), else that is an error.

#include <map>
#include <string>

#include "pipeline/convert_tensors.h"
#include "recipe/plan.h"

namespace msmodelslim {

struct ConvertJob {
  std::string model_path;
  std::string save_path;
  ConvertPlan plan;
  std::vector<std::string> exclude;  // patterns of modules that no rule is for
  bool overwrite = false;
  bool read_back = true;
  bool quiet = false;
  std::string recipe_file;  // "convert_best_practice.yaml", or "" for none
  std::string recipe_text;
};

struct ConvertSummary {
  std::string folder;
  std::map<std::string, std::int64_t> edges;  // "FP8_BLOCK -> FLOAT" -> linears
  std::int64_t others = 0;                    // tensors that are as they were
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  double wall_seconds = 0;
};

// Everything that can be wrong is found before anything is written.
ConvertSummary plan_conversion(const ConvertJob& job);  // makes nothing
ConvertSummary convert_model(const ConvertJob& job);

}  // namespace msmodelslim
