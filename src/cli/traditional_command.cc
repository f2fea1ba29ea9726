#include "cli/traditional_command.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "cli/quant_command.h"
#include "cli/traditional_args.h"
#include "cli/traditional_scripts.h"
#include "model/float_model.h"
#include "recipe/nearest.h"
#include "recipe/v0_steps.h"
#include "text/dataset.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "traditional";

void check_names(const std::vector<std::string>& names, const ModelSpec& model) {
  std::vector<std::string> linears = {model.head.name};
  for (const BlockSpec& block : model.blocks) {
    linears.push_back(block.attention_name());  // of use_fa_quant
    for (const LinearSpec* linear : block.linears()) linears.push_back(linear->name);
  }
  for (const std::string& name : names)
    if (std::find(linears.begin(), linears.end(), name) == linears.end())
      throw UsageError(
          fmt::format("--disable_names: the model has no linear '{}'{}", name,
                      did_you_mean(name, linears)),
          fmt::format("write whole names, for example {}; --help says what is kept float by "
                      "default",
                      linears.back()));
}

// What the user names, or the default of the family.
std::vector<std::string> rollback(const TraditionalArgs& args, const ModelSpec& model) {
  if (args.disable_names) {
    check_names(*args.disable_names, model);
    return *args.disable_names;
  }
  if (args.family->is_script())
    return script_rollback(*args.family, model, args.model_path, args.fa_quant, args.mix_mtp);
  const auto layers = static_cast<int>(model.blocks.size());
  const int count = args.layer_count > 0 ? std::min(args.layer_count, layers) : layers;
  std::vector<std::string> names =
      default_rollback(*args.family, args.model_type, args.model_name, args.options.a_bit, count);
  if (!names.empty())
    log_info(kLogger,
             "{} linears stay float by the default of {}: {} to {}; --disable_names "
             "chooses others",
             names.size(), args.family->name, names.front(), names.back());
  return names;
}

// The words that decide about the result.
std::string request_of(const std::vector<std::string>& words) {
  std::string request;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string option = words[i].substr(0, words[i].find('='));
    std::replace(option.begin(), option.end(), '-', '_');  // both are understood
    if (option == "__restart" || option == "__overwrite") continue;
    if (option == "__max_memory" || option == "__scratch_dir") {
      if (words[i].find('=') == std::string::npos) ++i;  // its value
      continue;
    }
    request += words[i] + "\n";
  }
  return request;
}

// The set, or one of the program where the script's default is no file here.
std::string set_or_other(const TraditionalArgs& args, const std::string& name) {
  constexpr const char* kOther = "mix_calib.jsonl";
  const bool by_default = args.family->is_script() && !name.empty() &&
                          (name == args.family->calib_file || name == args.family->anti_file);
  if (!by_default) return name;
  try {
    return resolve_calib_path(name);
  } catch (const UsageError&) {
    log_info(kLogger, "{} is not part of this program; {} takes its place", name, kOther);
    return kOther;
  }
}

}  // namespace

int run_traditional(const std::vector<std::string>& words) {
  const TraditionalArgs args = parse_traditional_args(words);
  if (args.help) return 0;
  const int layers = args.family->is_script() ? args.layer_count : 0;
  const FloatModel source = open_float_model(args.model_path, layers);
  const ModelSpec& model = source.spec;
  if (!model.has_forward())
    throw UsageError(model.obstacle + "; what the scripts do needs a forward pass",
                     "quantize without data: msmodelslim quant --model_path M --save_path Q "
                     "--quant_type w8a8 (or w8a16, w4a16, ...)");
  if (args.options.use_fa_quant &&
      std::none_of(model.blocks.begin(), model.blocks.end(),
                   [](const BlockSpec& b) { return b.mla.has_value(); }))
    throw UsageError(
        "--use_fa_quant: engines read int8 attention of models with latent attention "
        "(DeepSeek) only, this one has none",
        "leave it out; --use_kvcache_quant True quantizes the KV cache");
  V0Options options = args.options;
  options.disable_names = rollback(args, model);
  if (!args.anti_method.empty())
    options.anti = anti_of(*args.family, args.model_type, args.anti_method, options,
                           static_cast<int>(model.blocks.size()));
  if (!args.anti_method.empty() || options.disable_threshold > 0)
    options.anti_dataset = set_or_other(args, args.anti_file);
  resolve_v0(&options, [](const std::string& field, const std::string& reason) {
    throw UsageError(fmt::format("--{}: {}", field, reason));
  });
  for (const std::string& warning : v0_warnings(options)) log_warning(kLogger, "{}", warning);
  QuantArgs quant;
  quant.model_path = args.model_path;
  quant.save_path = args.save_directory;
  quant.overwrite = args.overwrite;
  quant.max_memory = args.max_memory;
  quant.scratch_dir = args.scratch_dir;
  if (args.device_type == "npu") quant.device = parse_device("npu");
  QuantJob job;
  job.model_path = args.model_path;
  job.save_path = args.save_directory;
  job.overwrite = args.overwrite;
  job.restart = args.restart;
  job.layers = layers;
  job.request = request_of(words);
  job.plan.apiversion = "modelslim_v0";
  job.plan.config_id = args.family->name;
  job.plan.steps = v0_steps(options);
  job.plan.dataset = set_or_other(args, args.calib_file);
  job.plan.v0 = std::move(options);
  const bool needs = needs_data(job.plan) || job.plan.v0->needs_statistics();
  if (needs && job.plan.dataset.empty() && args.calib_texts.empty())
    throw UsageError(fmt::format("{} needs calibration data", job.plan.v0->type),
                     "give --calib_file FILE or --calib_texts TEXT");
  if (job.plan.dataset.empty()) quant.calib_texts = args.calib_texts;
  constexpr std::int64_t kW4A8Characters = 512;
  if (args.family->name == "deepseek_w4a8") quant.calib_characters = kW4A8Characters;
  return carry_out(quant, std::move(job), source.config);
}

}  // namespace msmodelslim
