#include "cli/convert_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/gguf_cast.h"
#include "checkpoint/gguf_convert.h"
#include "cli/convert_recipe.h"
#include "cli/long_options.h"
#include "recipe/practice_library.h"

namespace msmodelslim {
namespace {

constexpr char kExamples[] = R"(Examples:
  msmodelslim convert model.Q4_K_M.gguf --save_path model
      a GGUF file (llama, qwen2, qwen3) -> a model folder in bfloat16
  msmodelslim convert --model_path model-f32 --save_path model-bf16 --dtype bfloat16
      a model folder -> the same model in another dtype
  msmodelslim convert Qwen3-8B-FP8 --save_path Qwen3-8B-bf16
      FP8, int4, int8, NVFP4, MXFP4 weights, or a folder that this program quantized -> float
  msmodelslim convert Qwen3-8B-FP8 --save_path Qwen3-8B-mxfp8 --config_path convert-mxfp8
      what a recipe with apiversion modelslim_convert says, as quant --config_path does
Weights are as exact as their quantization left them.)";

}  // namespace

int run_convert(int argc, char** argv) {
  ConvertOptions options;
  std::string dtype = "bfloat16";
  std::string config_path;
  CLI::App app(
      "Turn a GGUF file or a quantized folder into a float model folder, change a folder's "
      "dtype, or carry out a conversion recipe",
      "msmodelslim convert");
  app.add_option("model,--model_path", options.model_path,
                 "GGUF file (any part of a split one), or Hugging Face model folder")
      ->type_name("PATH");
  app.add_option("--save_path", options.save_path, "folder to write; must be empty or absent")
      ->type_name("DIR");
  app.add_option("--dtype", dtype, "bfloat16 (default), float16 or float32")->type_name("NAME");
  app.add_option("--config_path", config_path,
                 "recipe (modelslim_convert): its file or config_id; without it everything becomes "
                 "float")
      ->type_name("FILE|ID");
  app.add_flag("--overwrite", options.overwrite, "replace the model folder at --save_path");
  app.footer(kExamples);
  try {
    std::vector<std::string> arguments = expand_long_options(
        {argv + 1, argv + argc},
        {"model_path", "save_path", "dtype", "config_path", "overwrite", "help"});
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    throw UsageError(fmt::format("convert: {}", e.what()), "see msmodelslim convert --help");
  }
  if (options.model_path.empty() || options.save_path.empty())
    throw UsageError("convert: --model_path and --save_path are needed",
                     "see msmodelslim convert --help");
  options.dtype = output_dtype_from_name(dtype);
  if (!config_path.empty()) {
    QuantArgs args;
    args.model_path = options.model_path;
    args.save_path = options.save_path;
    args.overwrite = options.overwrite;
    return run_recipe_conversion(args, PracticeLibrary::standard().find(config_path));
  }
  convert_gguf(options);
  log_info("convert", "{} is complete", options.save_path);
  return 0;
}

}  // namespace msmodelslim
