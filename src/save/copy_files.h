#pragma once
// Files that travel unchanged from the float folder: configuration, tokenizer, model code,
// templates.

#include <string>
#include <vector>

namespace msmodelslim {

// Copies top-level *.json (not *index.json), *.py, *.txt, *.jinja, and tokenizer files that the
// Python tool forgets (*.model, *.tiktoken). config.json loses `quantization_config`, also inside
// nested configs. Modes follow the umask. Returns the names copied.
std::vector<std::string> copy_model_files(const std::string& from, const std::string& to,
                                          bool untied);

}  // namespace msmodelslim
