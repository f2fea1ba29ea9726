// tokenize_file TOKENIZER.json|FOLDER TEXTS.jsonl: tokenizes each line, a JSON string, and prints
// {"ids": without special tokens, "special": with them, "text": ids decoded, "plain": special
// decoded without special tokens}. Processor times go to stderr. For
// tests/interop/tokenizers_compare.py.

#include <ctime>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "text/tokenizer.h"

namespace {

// Processor time, so that a busy machine does not blur the figures.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

int run(const std::string& tokenizer_path, const std::string& texts_path) {
  using msmodelslim::Json;
  double start = cpu_seconds();
  const auto tokenizer = msmodelslim::fs::is_directory(tokenizer_path)
                             ? msmodelslim::Tokenizer::load(tokenizer_path)
                             : msmodelslim::Tokenizer::from_json(
                                   msmodelslim::read_file(tokenizer_path), tokenizer_path);
  const double load_seconds = cpu_seconds() - start;
  std::vector<std::string> texts;
  std::istringstream lines(msmodelslim::read_file(texts_path));
  for (std::string line; std::getline(lines, line);)
    texts.push_back(Json::parse(line).get<std::string>());
  std::vector<std::vector<std::int32_t>> ids;
  std::size_t bytes = 0;
  start = cpu_seconds();
  for (const std::string& text : texts) {
    ids.push_back(tokenizer.encode(text, /*add_special_tokens=*/false));
    bytes += text.size();
  }
  const double encode_seconds = cpu_seconds() - start;
  std::cerr << fmt::format("load {:.3f} s, encode {} bytes in {:.3f} s, {:.2f} MB/s\n",
                           load_seconds, bytes, encode_seconds,
                           static_cast<double>(bytes) / 1e6 / encode_seconds);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto special = tokenizer.encode(texts[i], /*add_special_tokens=*/true);
    Json out;
    out["ids"] = ids[i];
    out["special"] = special;
    out["text"] = tokenizer.decode(ids[i], /*skip_special_tokens=*/false);
    out["plain"] = tokenizer.decode(special, /*skip_special_tokens=*/true);
    std::cout << out.dump() << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: tokenize_file TOKENIZER.json|FOLDER TEXTS.jsonl\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
