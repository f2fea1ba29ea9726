#pragma once
// `msmodelslim convert`: a model in another form -> a Hugging Face folder with float weights.

#include <string>

#include "tensor/dtype.h"

namespace msmodelslim {

struct ConvertOptions {
  std::string model_path;  // a GGUF file, or a Hugging Face folder to be written in another dtype
  std::string save_path;
  DType dtype = DType::kBF16;  // kBF16, kF16 or kF32
  bool overwrite = false;      // replace a model folder at save_path
};

// Writes config.json, generation_config.json, the weights (safetensors; shards of 4 GiB with an
// index when one file is not enough), tokenizer.json and tokenizer_config.json. Memory: the largest
// tensor. save_path appears only when whole.
void convert_gguf(const ConvertOptions& options);

// The same for a folder: float tensors are cast, quantized weights (what open_source() reads, and
// folders of this program) are decoded in fp32 and rounded once, everything else is copied.
void convert_model_folder(const ConvertOptions& options);

}  // namespace msmodelslim
