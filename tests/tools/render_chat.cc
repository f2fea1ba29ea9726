// render_chat CASES.jsonl: renders each line {"template", "special_tokens", "messages", "tools",
// "add_generation_prompt", "extra", "now"} and prints {"text": ...} or {"error": ...}. For
// tests/interop/chat_templates_compare.py.

#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "text/chat_template.h"

namespace {

using msmodelslim::ChatTemplate;
using msmodelslim::Json;

std::string render(const Json& line) {
  const auto chat = ChatTemplate::parse(line.at("template").get<std::string>(), "template",
                                        line.at("special_tokens"));
  msmodelslim::jinja::RenderOptions options;
  options.now = line.at("now").get<std::time_t>();
  return chat.render({line.at("messages"), line.at("tools"),
                      line.at("add_generation_prompt").get<bool>(), line.at("extra")},
                     options);
}

void run(const std::string& path) {
  std::istringstream lines(msmodelslim::read_file(path));
  for (std::string line; std::getline(lines, line);) {
    Json out;
    try {
      out["text"] = render(Json::parse(line));
    } catch (const msmodelslim::Error& error) {
      out["error"] = error.what();
    }
    std::cout << out.dump() << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: render_chat CASES.jsonl\n";
    return 2;
  }
  try {
    run(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
