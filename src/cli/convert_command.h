#pragma once
// `msmodelslim convert`: GGUF file -> Hugging Face folder, or a folder in another dtype.

namespace msmodelslim {

// argv[0] is "convert". Returns 0, or throws an Error; after --help returns 0.
int run_convert(int argc, char** argv);

}  // namespace msmodelslim
