#include "cli/serve_command.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/interrupt.h"
#include "base/log.h"
#include "base/threads.h"
#include "cli/command_line.h"
#include "runtime/generation_config.h"
#include "serve/api.h"
#include "serve/prompt_ids.h"

namespace msmodelslim {
namespace {

const char* const kAbout =
    "Serves a float or quantized model folder on the CPU with OpenAI's API: /v1/completions,\n"
    "/v1/chat/completions, /v1/models, /health, /metrics; and a chat page at /. Options are\n"
    "spelled as vLLM has them. Ctrl-C ends it when the answers under way are out.\n"
    "Example: msmodelslim serve Q --served-model-name my-model --max-model-len 4096 --port 8000";

struct ServeArgs {
  std::string model_path;
  std::string served_name;
  std::string float_path;
  std::string quantization;
  std::int64_t max_model_len = 0;
  std::int64_t max_num_seqs = 64;
  int threads = 0;
  std::string lm_head = "float";
  bool trust_remote_code = false;
  std::string tool_call_parser;
  std::string reasoning_parser;
  bool enable_auto_tool_choice = false;
  std::string api_key;
  HttpOptions http;
};

void declare(CLI::App& app, ServeArgs& args) {
  app.add_option("model,--model_path", args.model_path, "float or quantized model folder")
      ->required();
  app.add_option("--served_model_name", args.served_name,
                 "the \"model\" of requests (default: the path as it was given)");
  app.add_option("--float_path", args.float_path,
                 "float folder to serve beside it, as NAME-float; the chat page puts their answers "
                 "side by side");
  app.add_option("--host", args.http.host, "address to listen on (127.0.0.1)");
  app.add_option("--port", args.http.port, "port to listen on (8000)");
  app.add_option("--api_key", args.api_key, "ask for \"Authorization: Bearer KEY\"");
  app.add_option("--max_model_len", args.max_model_len, "most tokens of prompt and answer")
      ->check(CLI::PositiveNumber);
  app.add_option("--max_num_seqs", args.max_num_seqs, "most sequences in one run (64)")
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", args.threads, "threads (default: all that this process may use)")
      ->check(CLI::PositiveNumber);
  add_lm_head_option(app, args.lm_head);
  app.add_option("--tool_call_parser", args.tool_call_parser,
                 "how the model writes tool calls: hermes, llama3_json, mistral, deepseek_v3, "
                 "deepseek_v31 (default: as its chat template has them)");
  app.add_option("--reasoning_parser", args.reasoning_parser,
                 "how it writes reasoning: deepseek_r1, deepseek_v3, qwen3, glm45, mistral "
                 "(default: as its chat template has it)");
  app.add_flag("--enable_auto_tool_choice", args.enable_auto_tool_choice,
               "accepted for vLLM's sake; models may always call the tools of a request");
  app.add_option("--quantization", args.quantization,
                 "accepted for vLLM's sake; the folder says it itself");
  app.add_flag("--trust_remote_code", args.trust_remote_code,
               "accepted for vLLM's sake; nothing of a folder is ever executed");
}

// Each connection is a file descriptor, and shells allow 1024 as a rule.
void allow_many_connections() {
  constexpr rlim_t kWanted = 16384;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, kWanted);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// A folder that is ready to answer.
struct Loaded {
  Loaded(const std::string& path, std::int64_t max_length, const LoadOptions& options = {})
      : folder(path),
        tokenizer(Tokenizer::load(path)),
        config(read_generation_config(path)),
        runner(path, max_length, options) {
    if (const auto eos = tokenizer.eos_id()) config.end_ids.push_back(*eos);
  }
  std::string folder;
  Tokenizer tokenizer;
  GenerationConfig config;
  ModelRunner runner;
};

std::shared_ptr<const ChatFormat> chat_format(const Loaded& loaded) {
  if (!loaded.tokenizer.config().chat_template.empty())
    return std::make_shared<const ChatFormat>(ChatFormat::load(loaded.folder));
  log_info("serve", "{} has no chat template: no /v1/chat/completions", loaded.folder);
  return nullptr;
}

AnswerFormat answer_format(const TokenizerConfig& config, const ServeArgs& args) {
  const std::string& source =
      config.tool_template.empty() ? config.chat_template : config.tool_template;
  AnswerFormat format = format_of_template(source);
  if (!args.tool_call_parser.empty())
    format.tools = tool_format_by_name(args.tool_call_parser, source);
  if (!args.reasoning_parser.empty())
    format.reasoning = reasoning_format_by_name(args.reasoning_parser);
  return format;
}

ServedModel served(const std::string& name, const Loaded& loaded, Worker& worker,
                   const ServeArgs& args) {
  return {name,
          loaded.tokenizer,
          worker,
          loaded.runner.max_length(),
          loaded.config.params,
          chat_format(loaded),
          answer_format(loaded.tokenizer.config(), args),
          longest_token(loaded.tokenizer)};
}

}  // namespace

int run_serve(const std::vector<std::string>& words) {
  ServeArgs args;
  CLI::App app(kAbout, "msmodelslim serve");
  declare(app, args);
  if (!parse_words(app, words)) return 0;
  if (args.threads > 0) set_thread_count(args.threads);
  allow_many_connections();
  const std::string& name = args.served_name.empty() ? args.model_path : args.served_name;
  std::vector<std::unique_ptr<Loaded>> loaded;
  loaded.push_back(
      std::make_unique<Loaded>(args.model_path, args.max_model_len, load_options(args.lm_head)));
  if (!args.float_path.empty())
    loaded.push_back(std::make_unique<Loaded>(args.float_path, args.max_model_len));

  // A reply must not outlive the server, so the workers go first.
  std::unique_ptr<Api> api;
  HttpServer server(args.http,
                    [&](const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
                      api->handle(request, reply);
                    });
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<ServedModel> models;
  for (const auto& one : loaded) {
    workers.push_back(std::make_unique<Worker>(one->runner, one->config.end_ids,
                                               static_cast<std::size_t>(args.max_num_seqs)));
    models.push_back(served(models.empty() ? name : name + "-float", *one, *workers.back(), args));
  }
  api = std::make_unique<Api>(std::move(models), args.api_key);
  std::thread listening([&] { server.run(); });
  log_info("serve", "listening on http://{}:{}", args.http.host, server.port());
  while (!interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  log_info("serve", "finishing the answers under way; once more to stop at once");
  server.stop();
  listening.join();
  return 0;
}

}  // namespace msmodelslim
