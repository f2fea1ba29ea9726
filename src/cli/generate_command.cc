#include "cli/generate_command.h"

#include <cstdio>
#include <iostream>
#include <iterator>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/threads.h"
#include "cli/command_line.h"
#include "runtime/llm.h"

namespace msmodelslim {
namespace {

const char* const kAbout =
    "Lets a float or quantized model folder go on with one or more texts. A quantized folder is\n"
    "computed with the engine's own integer arithmetic. One prompt: the answer is printed while "
    "it\n"
    "comes. Several: one line each. What is not given comes from generation_config.json.\n"
    "Example: msmodelslim generate --model_path Q --prompt \"Hello, my name is\" --temperature 0";

struct GenerateArgs {
  std::string model_path;
  std::vector<std::string> prompts;
  std::string prompts_file;
  std::int64_t max_model_len = 0;
  int threads = 0;
  std::string lm_head = "float";
  bool json = false;
  bool chat = false;
  std::int64_t max_tokens = 128;
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<std::int64_t> top_k;
  SamplingParams params;  // the others
};

void declare(CLI::App& app, GenerateArgs& args) {
  app.add_option("model,--model_path", args.model_path, "float or quantized model folder")
      ->required();
  app.add_option("--prompt", args.prompts, "text to go on with; may be repeated. None: stdin")
      ->expected(1)
      ->take_all();
  app.add_option("--prompts_file", args.prompts_file,
                 "a prompt per line; .jsonl: the \"prompt\" of each line");
  app.add_option("--max_tokens", args.max_tokens, "most tokens of an answer (128)");
  app.add_option("--temperature", args.temperature, "0: always the most likely token");
  app.add_option("--top_p", args.top_p, "likeliest tokens that make up this probability");
  app.add_option("--top_k", args.top_k, "so many likeliest tokens; 0: all");
  app.add_option("--min_p", args.min_p, "tokens with this share of the largest probability");
  app.add_option("--repetition_penalty", args.repetition_penalty, "above 1: fewer repetitions");
  app.add_option("--presence_penalty", args.params.presence_penalty, "-2 to 2");
  app.add_option("--frequency_penalty", args.params.frequency_penalty, "-2 to 2");
  app.add_option("--seed", args.params.seed, "for the same answer again");
  app.add_option("--stop", args.params.stop, "text that ends an answer; may be repeated")
      ->expected(1)
      ->take_all();
  app.add_option("--stop_token_ids", args.params.stop_token_ids, "tokens that end an answer");
  app.add_flag("--ignore_eos", args.params.ignore_eos, "go on up to --max_tokens");
  app.add_option("--max_model_len", args.max_model_len, "most tokens of prompt and answer")
      ->check(CLI::PositiveNumber);
  add_lm_head_option(app, args.lm_head);
  app.add_flag("--chat", args.chat,
               "each prompt is a message, put into words by the model's chat template");
  app.add_flag("--json", args.json, "one JSON object per prompt");
  app.add_option("--threads", args.threads, "threads (default: all that this process may use)")
      ->check(CLI::PositiveNumber);
}

std::vector<std::string> read_prompts(const GenerateArgs& args) {
  std::vector<std::string> prompts = args.prompts;
  if (!args.prompts_file.empty()) {
    std::istringstream lines(read_file(args.prompts_file));
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      if (line.empty()) continue;
      if (!args.prompts_file.ends_with(".jsonl")) {
        prompts.push_back(line);
        continue;
      }
      const Json json = Json::parse(line, nullptr, false);
      if (!json.is_object() || !json.contains("prompt") || !json["prompt"].is_string())
        throw DataError(
            fmt::format("{}:{}: no object with a text \"prompt\"", args.prompts_file, number),
            "write one {\"prompt\": \"...\"} per line");
      prompts.push_back(json["prompt"].get<std::string>());
    }
  }
  if (prompts.empty() && args.prompts_file.empty())
    prompts.emplace_back(std::istreambuf_iterator<char>(std::cin),
                         std::istreambuf_iterator<char>());
  if (prompts.empty())
    throw DataError(args.prompts_file + " holds no prompt", "write one prompt per line");
  return prompts;
}

SamplingParams sampling_params(const GenerateArgs& args, const SamplingParams& defaults) {
  SamplingParams params = args.params;
  params.max_tokens = args.max_tokens;
  params.temperature = args.temperature.value_or(defaults.temperature);
  params.top_p = args.top_p.value_or(defaults.top_p);
  params.top_k = args.top_k.value_or(defaults.top_k);
  params.min_p = args.min_p.value_or(defaults.min_p);
  params.repetition_penalty = args.repetition_penalty.value_or(defaults.repetition_penalty);
  check_params(params);
  return params;
}

// As Python's repr() writes a string.
std::string quoted(const std::string& text) {
  const char mark =
      text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, mark);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == mark || c == '\\')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out + mark;
}

void print(const Completion& answer, bool json) {
  if (!json) {
    std::printf("Prompt: %s, Generated text: %s\n", quoted(answer.prompt).c_str(),
                quoted(answer.text).c_str());
    return;
  }
  const Json line = {{"prompt", answer.prompt},
                     {"text", answer.text},
                     {"finish_reason", finish_name(answer.finish)},
                     {"prompt_tokens", answer.prompt_ids.size()},
                     {"token_ids", answer.token_ids}};
  std::printf("%s\n", line.dump().c_str());
}

double rate(std::int64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0;
}

}  // namespace

int run_generate(const std::vector<std::string>& words) {
  GenerateArgs args;
  CLI::App app(kAbout, "msmodelslim generate");
  declare(app, args);
  if (!parse_words(app, words)) return 0;
  if (args.threads > 0) set_thread_count(args.threads);
  Llm llm(args.model_path, args.max_model_len, load_options(args.lm_head));
  const SamplingParams params = sampling_params(args, llm.default_params());
  const std::vector<std::string> prompts = read_prompts(args);
  const bool stream = prompts.size() == 1 && !args.json;
  const Llm::OnText on_text = [&](std::size_t, const std::string& text) {
    if (!stream) return;
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  };
  const auto answers =
      args.chat ? llm.chat(prompts, params, on_text) : llm.generate(prompts, params, on_text);
  if (stream)
    std::printf("\n");
  else
    for (const Completion& answer : answers) print(answer, args.json);
  const RunTimes& times = llm.times();
  std::fprintf(stderr, "prefill %lld tokens, %.1f tokens/s; decode %lld tokens, %.1f tokens/s\n",
               static_cast<long long>(times.prompt_tokens),
               rate(times.prompt_tokens, times.prefill_seconds),
               static_cast<long long>(times.decoded_tokens),
               rate(times.decoded_tokens, times.decode_seconds));
  return 0;
}

}  // namespace msmodelslim
