#include "cli/analyze_args.h"

#include <algorithm>
#include <cctype>

#include "advise/probe.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/command_line.h"
#include "cli/model_options.h"
#include "recipe/join_words.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "analyze";
const std::vector<std::string> kScopes = {"linear", "layer", "attn"};

struct ScopeTraits {
  AnalyzeScope scope;
  const char* about;
  std::vector<std::string> metrics;
  const char* metric;          // by default
  const char* pattern_option;  // null: none
};

ScopeTraits traits_of(const std::string& scope) {
  if (scope == "linear")
    return {AnalyzeScope::kLinear,
            "Which linears have inputs that are hard to quantize, out of their distribution:\n"
            "  std       largest magnitude over the deviation from the channels' middle\n"
            "  quantile  step of an int8 range over the distance of the quartiles\n"
            "  kurtosis  how heavy the tails are (default)\n"
            "  kl        what the model loses when only this one is quantized; as --probe says",
            {"std", "quantile", "kurtosis", "kl"},
            "kurtosis",
            "--pattern"};
  if (scope == "layer")
    return {AnalyzeScope::kLayer,
            "Which decoder layers suffer most from quantization, by trying it on them:\n"
            "  mse_layer_wise  error of the layer's own output (default)\n"
            "  mse_model_wise  error behind the last layer when only this one is quantized\n"
            "  kl              what the model loses when only this one is quantized",
            {"mse_layer_wise", "mse_model_wise", "kl"},
            "mse_layer_wise",
            "--quant_modules"};
  return {AnalyzeScope::kAttention,
          "Which attention modules suffer most when what they compare is quantized to int8:\n"
          "  mse  error of the module's output",
          {"mse"},
          "mse",
          nullptr};
}

bool is_help(const std::string& word) { return word == "-h" || word == "--help"; }

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Removes the option with its words; false when it is not there.
bool drop_option(const std::string& option, std::vector<std::string>* words) {
  const auto at = std::find_if(words->begin(), words->end(), [&](const std::string& word) {
    return word == option || word.starts_with(option + "=");
  });
  if (at == words->end()) return false;
  words->erase(at, std::find_if(at + 1, words->end(),
                                [](const std::string& word) { return word.starts_with("-"); }));
  return true;
}

// The place of the metric's value "attention_mse", or null.
std::string* attention_mse(std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--metrics" && i + 1 < words.size() && lower(words[i + 1]) == "attention_mse")
      return &words[i + 1];
    if (words[i].starts_with("--metrics=") && lower(words[i].substr(10)) == "attention_mse")
      return &words[i];
  }
  return nullptr;
}

void declare(CLI::App& app, const ScopeTraits& traits, ModelOptions& model, AnalyzeArgs& args) {
  const auto add = [&](const char* name, auto& target, const char* type, const std::string& text) {
    return add_option(app, name, target, type, text);
  };
  model.declare_model(app);
  add("--metrics", args.metric, "NAME", join_words(traits.metrics, ", "))
      ->check(CLI::IsMember(traits.metrics).description(""));
  if (traits.pattern_option != nullptr)
    app.add_option(traits.pattern_option, args.patterns,
                   "names to look at (*, ?, [abc]; default '*'); without any: all")
        ->type_name("PATTERN")
        ->expected(0, -1);
  if (traits.scope != AnalyzeScope::kAttention)
    add("--probe", args.probe, "NAME",
        "how it is quantized where that is tried: " + join_words(quant_kind_names()) + " (mxfp4)")
        ->check(CLI::IsMember(quant_kind_names()).description(""));
  add("--calib_dataset", args.calib_dataset, "FILE|NAME",
      "calibration set, .json or .jsonl; read whole (6144 tokens out of mix_calib.jsonl)");
  add("--calib_samples", args.calib_samples, "N", "use the first N samples only")
      ->check(positive());
  add("--calib_tokens", args.calib_tokens, "N",
      "stop after N tokens (kl: 1024, spread over the set)")
      ->check(positive());
  add("--topk", args.topk, "N", "layers to print, those with equal scores count as one (15)")
      ->check(positive());
  add("--output_path", args.output_path, "PATH",
      "also write all scores to PATH.json and PATH.html");
  model.declare_machine(app, args.threads);
  app.add_flag("--quiet", args.quiet, "no progress lines");
}

void print_scopes() {
  std::fputs(
      "msmodelslim analyze linear|layer|attn --model_path DIR OPTIONS\n\n"
      "linear  which linears have inputs that are hard to quantize\n"
      "layer   which decoder layers suffer most from quantization\n"
      "attn    which attention modules suffer most from int8\n\n"
      "`msmodelslim analyze SCOPE --help` explains each. Without a scope: linear.\n",
      stdout);
}

}  // namespace

std::vector<std::string> with_scope(std::vector<std::string> words) {
  if (!words.empty() && std::find(kScopes.begin(), kScopes.end(), words[0]) != kScopes.end())
    return words;
  if (!words.empty() && !words[0].starts_with("-") && !fs::is_directory(words[0]))
    throw UsageError(
        fmt::format("analyze knows no \"{}\"{}", words[0], did_you_mean(words[0], kScopes)),
        "write analyze linear, layer or attn, and --model_path DIR");
  if (std::string* metric = attention_mse(words)) {
    *metric = metric->starts_with("--") ? "--metrics=mse" : "mse";
    log_warning(kLogger,
                "--metrics attention_mse is out of use; write: analyze attn --metrics mse");
    if (drop_option("--pattern", &words))
      log_warning(kLogger, "--pattern means nothing for attention modules; it is not read");
    words.insert(words.begin(), "attn");
    return words;
  }
  words.insert(words.begin(), "linear");
  return words;
}

std::optional<AnalyzeArgs> parse_analyze_args(const std::vector<std::string>& given) {
  if (given.empty() || is_help(given[0])) {
    print_scopes();
    return std::nullopt;
  }
  const std::vector<std::string> words = with_scope(given);
  const ScopeTraits traits = traits_of(words[0]);
  AnalyzeArgs args;
  args.scope = traits.scope;
  args.metric = traits.metric;
  ModelOptions model;
  CLI::App app(traits.about, "msmodelslim analyze " + words[0]);
  declare(app, traits, model, args);
  if (!parse_words(app, {words.begin() + 1, words.end()})) return std::nullopt;
  args.model_path = model.folder();
  args.model_type = model.type();
  return args;
}

}  // namespace msmodelslim
