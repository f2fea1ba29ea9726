#include "text/tokenizer_file.h"

#include <algorithm>
#include <vector>

#include "base/files.h"

namespace msmodelslim {

std::string find_tokenizer_file(const std::string& model_folder) {
  const fs::path folder(model_folder);
  std::error_code ec;
  for (const char* name : {"tokenizer.json", "tokenizer.model", "tiktoken.model"})
    if (fs::exists(folder / name, ec)) return (folder / name).string();
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder, ec))
    if (entry.path().extension() == ".tiktoken") found.push_back(entry.path().string());
  return found.empty() ? "" : *std::min_element(found.begin(), found.end());
}

}  // namespace msmodelslim
