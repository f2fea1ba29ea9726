// Goes on with two prompts, as the offline example of vLLM-Ascend does in Python.
//   offline_inference MODEL_FOLDER
#include <msmodelslim/llm.h>

#include <exception>
#include <iostream>

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: offline_inference MODEL_FOLDER\n";
    return 2;
  }
  const msmodelslim::SamplingParams params{.temperature = 0.6, .top_p = 0.95, .top_k = 40};
  msmodelslim::LLM llm(argv[1]);
  for (const auto& output : llm.generate({"Hello, my name is", "The future of AI is"}, params))
    std::cout << "Prompt: " << output.prompt << ", Generated text: " << output.text << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
