#pragma once
// Which file of a model folder holds its tokenizer.

#include <string>

namespace msmodelslim {

// tokenizer.json, else tokenizer.model, tiktoken.model or the first *.tiktoken; "" for none.
std::string find_tokenizer_file(const std::string& model_folder);

}  // namespace msmodelslim
