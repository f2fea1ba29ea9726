#include "cli/app.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/usage.h"
#include "cli/analyze_command.h"
#include "cli/convert_command.h"
#include "cli/diff_command.h"
#include "cli/doctor_command.h"
#include "cli/eval_command.h"
#include "cli/generate_command.h"
#include "cli/inspect_command.h"
#include "cli/launch.h"
#include "cli/models_command.h"
#include "cli/quant_command.h"
#include "cli/serve_command.h"
#include "cli/traditional_command.h"
#include "cli/tune_command.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

constexpr const char* kHelp =
    "msmodelslim " MSMODELSLIM_VERSION
    " (native): makes large language models small\n"
    "\n"
    "  msmodelslim quant --model_path M --save_path Q --quant_type w8a8   quantize a model folder\n"
    "  msmodelslim analyze linear --model_path M                          which layers lose most\n"
    "  msmodelslim tune --model_path M --save_path S [--config plan.yaml]  search for a recipe\n"
    "  msmodelslim traditional example/Qwen/quant_qwen.py ARGUMENTS       the same by a script's "
    "arguments\n"
    "  msmodelslim eval ppl --model_path Q --text F [--float_path M]      perplexity, KL, "
    "agreement\n"
    "  msmodelslim generate --model_path Q --prompt \"...\"               let a folder answer\n"
    "  msmodelslim serve Q --port 8000                                    the same as an "
    "OpenAI-style "
    "API\n"
    "  msmodelslim convert --model_path X.gguf --save_path M              GGUF, FP8, int4, ours "
    "... "
    "to float\n"
    "  msmodelslim inspect Q [TENSOR]                                     what is in a folder or "
    "file\n"
    "  msmodelslim diff A B                                               how two of them differ\n"
    "  msmodelslim models                                                 what works with which "
    "model\n"
    "  msmodelslim doctor                                                 what this machine has, "
    "and what it "
    "means\n"
    "  msmodelslim --version\n"
    "\n"
    "`msmodelslim COMMAND --help` explains each. Environment: MSMODELSLIM_LOG_LEVEL (DEBUG, INFO,\n"
    "WARNING, ERROR), MSMODELSLIM_CUSTOM_PRACTICE_REPO (your own recipes), MSMODELSLIM_SHARE.\n"
    "Exit codes: 0 success; 1 bad data, missing resource or interrupted; 2 wrong usage.\n";

int dispatch(int argc, char** argv, Launch& launch) {
  const std::string command = argc > 1 ? argv[1] : "--help";
  const std::vector<std::string> words(argv + std::min(argc, 2), argv + argc);
  if (command == "-h" || command == "--help" || command == "help") {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (command == "--version" || command == "-V" || command == "version") {
    std::puts("msmodelslim " MSMODELSLIM_VERSION " (native)");
    return 0;
  }
  if (command == "quant") return run_quant(words, launch.ranks());
  launch.require_one(command.c_str());
  if (command == "analyze") return run_analyze(words);
  if (command == "tune") return run_tune(words);
  if (command == "eval") return run_eval(words);
  if (command == "convert") return run_convert(argc - 1, argv + 1);
  if (command == "generate") return run_generate(words);
  if (command == "serve") return run_serve(words);
  if (command == "traditional") return run_traditional(words);
  if (command == "inspect") return run_inspect(words);
  if (command == "diff") return run_diff(words);
  if (command == "models") return run_models(words);
  if (command == "doctor") return run_doctor(words);
  throw UsageError(fmt::format("unknown command \"{}\"{}", command,
                               did_you_mean(command, {"quant", "analyze", "tune", "traditional",
                                                      "eval", "generate", "serve", "convert",
                                                      "inspect", "diff", "models", "doctor"})),
                   "see msmodelslim --help");
}

void report(const Error& error) {
  // A log line holds one line; what a list of problems says further stands below it.
  const std::string text = error.what();
  const std::size_t end = text.find('\n');
  log_error("cli", "[{}] {}", error.kind(), text.substr(0, end));
  if (end != std::string::npos) std::fprintf(stderr, "%s\n", text.c_str() + end + 1);
  if (!error.remedy().empty()) std::fprintf(stderr, "Remedy: %s\n", error.remedy().c_str());
}

// What a user who stopped a command wants to know about what it was making.
const char* after_interrupt(const std::string& command) {
  if (command == "quant" || command == "traditional")
    return "No output folder was made; the same command goes on where it was.\n";
  if (command == "tune") return "The same command goes on where it was.\n";
  if (command == "convert") return "No output folder was made.\n";
  return "";
}

}  // namespace

int run_app(int argc, char** argv) {
  Launch launch;
  try {
    return_freed_memory();
    install_sigbus_handler();
    install_interrupt_handler();
    init_logging();
    return launch.end(dispatch(argc, argv, launch));
  } catch (const Error& error) {
    if (launch.speaks()) {
      report(error);
      if (interrupted() && argc > 1) std::fputs(after_interrupt(argv[1]), stderr);
    }
    return launch.end(error.exit_code());
  } catch (const std::bad_alloc&) {
    if (launch.speaks()) {
      log_error("cli", "[ResourceError] out of memory");
      std::fputs(
          "Remedy: use fewer calibration tokens (--calib_tokens), a larger --max_memory if one is "
          "given, or a machine with more memory\n",
          stderr);
    }
    return launch.end(1);
  } catch (const std::exception& error) {
    if (launch.speaks()) {
      log_error("cli", "[UnexpectedError] {}", error.what());
      std::fputs("Remedy: please report this with the command you typed\n", stderr);
    }
    return launch.end(1);
  }
}

}  // namespace msmodelslim
