#pragma once
// The parts of a model for mix.h, with the KL that each type costs each part alone, and the recipe
// that an assignment stands for.
//
// All is measured and quantized behind the same outlier suppression: a rotation, and smoothing of
// what it does not reach; only smoothing where the model cannot be rotated.

#include <string>
#include <vector>

#include "advise/mix.h"
#include "model/spec.h"
#include "recipe/recipe.h"

namespace msmodelslim {

struct MixOptions {
  std::string model_path;
  std::string pedigree;
  std::vector<std::vector<std::int32_t>> calibration;  // of the suppression
  std::vector<std::vector<std::int32_t>> text;         // that KL is measured on
  std::vector<std::string> types;                      // names of quant_kinds(), or "float"
  // True: the largest of the quantized types is taken to lose nothing, which saves its runs.
  bool best_is_free = false;
};

// Linears that are fused, and experts of one role, are one part.
std::vector<MixPart> measure_parts(const MixOptions& options);

Recipe mix_recipe(const ModelSpec& model, const std::vector<MixPart>& parts,
                  const Assignment& assignment);

// YAML of the processors in front.
std::string mix_suppression(const ModelSpec& model);

// Bits of a linear in a type, scales included.
double bits_of(const LinearSpec& linear, const std::string& type, DType model_dtype);

// The same per weight, of a linear with so many inputs and outputs.
double bits_of_square(std::int64_t size, const std::string& type, DType model_dtype);

// Bits per weight with the smallest of the types everywhere.
double least_bits(const ModelSpec& model, const std::vector<std::string>& types);

}  // namespace msmodelslim
