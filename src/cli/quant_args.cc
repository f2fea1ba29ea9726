#include "cli/quant_args.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "cli/long_options.h"
#include "cli/memory_budget.h"
#include "cli/model_options.h"
#include "recipe/join_words.h"

namespace msmodelslim {
namespace {

constexpr const char* kFooter = R"(
Examples:
  msmodelslim quant --model_path Qwen2.5-7B-Instruct --save_path Qwen2.5-7B-w8a8 \
      --model_type Qwen2.5-7B-Instruct --quant_type w8a8
  msmodelslim quant ./my-llama --save_path ./my-llama-w8a8 --yes
  msmodelslim quant ./my-llama --save_path ./out --config_path recipe.yaml \
      --calib_dataset samples.jsonl --exclude '*.down_proj'
  msmodelslim quant ./my-llama --config_path a.yaml b.yaml --save_path ./out-a ./out-b

A recipe decides what is quantized and how. It comes from --config_path, or is searched by
--model_type and --quant_type; a recipe that is not made for exactly that is proposed with a
question (--yes agrees). The recipe used is written beside the result.

Environment: MSMODELSLIM_LOG_LEVEL (DEBUG, INFO, WARNING, ERROR),
             MSMODELSLIM_CUSTOM_PRACTICE_REPO (folder with recipes of your own)
Exit codes:  0 success, 1 bad data or missing resource, 2 wrong usage
)";

// Options of the Python tool's `quant`.
const std::vector<std::string>& python_options() {
  static const std::vector<std::string> names = {"model_path",        "save_path",   "device",
                                                 "model_type",        "config_path", "quant_type",
                                                 "trust_remote_code", "debug",       "tag"};
  return names;
}

// Texts as they stand on the command line, before they are understood.
struct Raw {
  std::string model_path;
  std::string model;  // the plain argument
  std::string device = "auto";
  std::string model_type;
  std::vector<std::string> save_paths;
  std::vector<std::string> quant_types;
  std::vector<std::string> config_paths;
  std::string save_format;
  std::string verify = "quick";
  std::string trust_remote_code = "False";
  std::string calib_dataset;
  std::string max_memory;
};

// An earlier `option` with its words, at most so many; a later one takes its place.
void drop_earlier(const std::string& option, std::size_t most, std::vector<std::string>* words) {
  const auto is_tag = [&](const std::string& word) {
    return word == option || word.starts_with(option + "=");
  };
  const auto last = std::find_if(words->rbegin(), words->rend(), is_tag);
  if (last == words->rend()) return;
  const std::vector<std::string> all = *words;
  const std::size_t kept = static_cast<std::size_t>(words->rend() - last) - 1;
  words->clear();
  std::size_t dropping = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].starts_with("--")) {
      const bool drops = is_tag(all[i]) && i < kept;
      dropping = !drops ? 0 : all[i] == option ? most : most - 1;
      if (drops) continue;
    }
    if (dropping == 0)
      words->push_back(all[i]);
    else
      --dropping;
  }
}

CLI::Validator in_range(std::int64_t least, std::int64_t most) {
  return CLI::Range(least, most).description("");
}

constexpr std::int64_t kMostCount = 1'000'000'000;

class Parser {
 public:
  Parser() : app_("Quantizes a model folder.", "msmodelslim quant") {
    app_.set_help_flag("-h,--help", "print this text");
    app_.footer(kFooter);
    app_.get_formatter()->column_width(34);
    add_model_options();
    add_recipe_options();
    add_data_options();
    add_run_options();
  }

  std::string help() const { return app_.help(); }

  QuantArgs parse(const std::vector<std::string>& args) {
    try {
      std::vector<std::string> words = expand_long_options(args, option_names(), python_options());
      drop_earlier("--tag", std::numeric_limits<std::size_t>::max(), &words);
      for (const char* option : {"--save_path", "--config_path", "--quant_type"})
        drop_earlier(option, 1, &words);
      std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
      app_.parse(words);
    } catch (const CLI::CallForHelp&) {
      args_.help = true;
      return args_;
    } catch (const CLI::ParseError& e) {
      throw UsageError(e.what(), "msmodelslim quant --help lists the options");
    }
    return understand();
  }

 private:
  template <typename T>
  CLI::Option* add(const char* name, T& target, const char* type, const std::string& text) {
    return add_option(app_, name, target, type, text);
  }

  void add_list(const char* name, std::vector<std::string>& target, const char* type,
                const std::string& text) {
    app_.add_option(name, target, text)->type_name(type)->expected(1, -1);
  }

  void add_model_options() {
    add("model", raw_.model, "DIR", "float model folder, same as --model_path");
    add("--model_path", raw_.model_path, "DIR",
        "float model folder: config.json, *.safetensors, tokenizer.json");
    add_list("--save_path", raw_.save_paths, "DIR",
             "folder for the result (required); of several recipes one for each");
    add("--model_type", raw_.model_type, "NAME",
        "name in the support matrix, for example Qwen2.5-7B-Instruct\n"
        "(default: found from the model folder)");
    add("--trust_remote_code", raw_.trust_remote_code, "True|False",
        "accepted; nothing of the model folder is ever executed");
  }

  void add_recipe_options() {
    add_list("--quant_type", raw_.quant_types, "TYPE",
             fmt::format("recipe to search (default w8a8, with a question):\n{}",
                         join_words(quant_type_names(), " ")));
    add_list("--config_path", raw_.config_paths, "FILE|ID",
             "recipe file, or the config_id of a recipe that comes with the program;\n"
             "several share what they can, and each has its own --save_path");
    add("--save_format", raw_.save_format, "FORMAT",
        "ascendv1 (vLLM-Ascend, MindIE, SGLang) or compressed_tensors (vLLM);\n"
        "default: the recipe's, which is ascendv1 unless it says otherwise");
    app_.add_option("--tag", args_.tags, "only recipes verified for these, for example vLLM_Ascend")
        ->type_name("WORD")
        ->expected(0, -1);
    app_.add_option("--exclude", args_.exclude,
                    "more modules that stay float, for example '*.down_proj';\n"
                    "may be given several times")
        ->type_name("PATTERN")
        ->expected(1, -1);
    app_.add_flag("--strict", args_.strict, "a pattern that matches no module is an error");
    app_.add_flag("--yes", args_.yes, "agree to the proposed recipe without a question");
  }

  void add_data_options() {
    add("--calib_dataset", raw_.calib_dataset, "FILE|NAME",
        "calibration set (.jsonl, .json) instead of the recipe's");
    add("--calib_samples", args_.calib_samples, "N", "use the first N samples only")
        ->check(in_range(1, kMostCount));
    add("--calib_tokens", args_.calib_tokens, "N",
        "stop after N tokens; the last sample is cut to fit")
        ->check(in_range(1, kMostCount));
    add("--stats_out", args_.stats_out, "FILE",
        "keep what calibration gathers, for --stats_in of later runs");
    add("--stats_in", args_.stats_in, "FILE",
        "take it from there instead of calibrating; the result is the same");
    add("--expert_fallback", args_.expert_fallback, "all_tokens|nearest|dynamic|error",
        "experts that too few tokens go to, where data is needed: show them all tokens\n"
        "(default) or those nearest to them, do without data, or stop")
        ->check(CLI::IsMember({"all_tokens", "nearest", "dynamic", "error"}));
    add("--expert_min_tokens", args_.expert_min_tokens, "N", "too few: fewer than N (default 1)")
        ->check(in_range(1, kMostCount));
  }

  void add_run_options() {
    add("--device", raw_.device, "auto|cpu|npu[:i,j]",
        "where to compute; the output does not depend on it (default auto)");
    add("--threads", args_.threads, "N", "CPU threads (default: all that this process may use)")
        ->check(in_range(1, 4096));
    add("--max_memory", raw_.max_memory, "SIZE",
        "keep below that, 8GiB or 500MB; hidden states move to a scratch file when needed\n"
        "(default: what the machine has, less a tenth)");
    add("--scratch_dir", args_.scratch_dir, "DIR",
        "where a scratch file may lie (default: beside --save_path)");
    add("--compute_dtype", args_.compute_dtype, "auto|int8",
        "how the calibration set passes through linears that are still float: in the\n"
        "model's own dtype (default), or as dynamic int8, quicker and a little less exact")
        ->check(CLI::IsMember({"auto", "int8"}));
    add("--seed", args_.seed, "N", "seed of random choices (default 42)")
        ->check(in_range(0, std::numeric_limits<std::int64_t>::max()));
    add("--verify", raw_.verify, "quick|full|none",
        "quick (default): held-out text is scored on the way, in a tenth of the run's time;\n"
        "full: the folder is also loaded, scored and lets a text go on; none: nothing is checked");
    add("--max_kl", args_.max_kl, "X",
        "exit code 1 when the mean KL to the float model is above X; the folder stays")
        ->check(CLI::Range(0.0, 1e6).description(""));
    app_.add_flag("--sha256", args_.sha256,
                  "with the SHA-256 of every weight file read and of every file written in\n"
                  "quant_report.json");
    app_.add_flag("--dry_run", args_.dry_run,
                  "show what would be done to each tensor, what it needs, and what would stop it;\n"
                  "nothing is written");
    app_.add_flag("--json", args_.json, "with --dry_run: as JSON");
    app_.add_flag("--overwrite", args_.overwrite, "replace what is in --save_path");
    app_.add_flag("--restart", args_.restart,
                  "begin anew; without it a command that is repeated after it was killed goes on\n"
                  "where it was (not with --debug)");
    app_.add_flag("--debug", args_.debug,
                  "write what the algorithms chose to SAVE_PATH/debug_info");
    app_.add_flag("--quiet", args_.quiet, "warnings and errors only");
  }

  std::vector<std::string> option_names() const {
    std::vector<std::string> names;
    for (const CLI::Option* option : app_.get_options())
      for (const std::string& name : option->get_lnames()) names.push_back(name);
    return names;
  }

  // A plain word behind the values of a list is the model's folder.
  void take_model_from_lists() {
    if (!raw_.model.empty() || !raw_.model_path.empty()) return;
    std::vector<std::vector<std::string>*> lists;
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (auto* list : {&raw_.save_paths, &raw_.config_paths, &raw_.quant_types})
      if (!list->empty()) {
        lists.push_back(list);
        least = std::min(least, list->size());
      }
    if (raw_.config_paths.empty() && raw_.quant_types.empty()) least = 1;
    std::erase_if(lists, [&](const auto* list) { return list->size() == least; });
    if (lists.size() != 1 || lists.front()->size() != least + 1) return;
    raw_.model = lists.front()->back();
    lists.front()->pop_back();
  }

  void understand_recipes() {
    if (raw_.save_paths.empty() || raw_.save_paths.front().empty())
      throw UsageError("no folder for the result is given", "add --save_path DIR");
    if (!raw_.quant_types.empty() && !raw_.config_paths.empty())
      throw UsageError("--quant_type and --config_path cannot be given together",
                       "a recipe file already says the type: drop --quant_type");
    const std::size_t recipes =
        std::max({std::size_t{1}, raw_.quant_types.size(), raw_.config_paths.size()});
    if (recipes != raw_.save_paths.size())
      throw UsageError(fmt::format("{} recipes and {} folders for results are given", recipes,
                                   raw_.save_paths.size()),
                       "give one --save_path folder for each recipe, in the same order");
    std::vector<QuantTarget> targets(recipes);
    for (std::size_t i = 0; i < recipes; ++i) {
      targets[i].save_path = raw_.save_paths[i];
      if (!raw_.quant_types.empty()) targets[i].quant_type = parse_quant_type(raw_.quant_types[i]);
      if (!raw_.config_paths.empty()) targets[i].config_path = raw_.config_paths[i];
    }
    args_.save_path = targets.front().save_path;
    args_.quant_type = targets.front().quant_type;
    args_.config_path = targets.front().config_path;
    args_.others.assign(targets.begin() + 1, targets.end());
  }

  QuantArgs understand() {
    take_model_from_lists();
    if (raw_.model_path.empty()) raw_.model_path = raw_.model;
    if (!raw_.model.empty() && raw_.model != raw_.model_path)
      throw UsageError(
          fmt::format("two model folders are given: '{}' and --model_path '{}'", raw_.model,
                      raw_.model_path),
          "put words of --tag and --exclude before another option, or drop one folder");
    if (raw_.model_path.empty())
      throw UsageError("no model folder is given", "add --model_path DIR");
    understand_recipes();
    if (!args_.stats_in.empty() && !args_.stats_out.empty())
      throw UsageError("--stats_in and --stats_out cannot be given together",
                       "what is taken from a file is in that file already: drop --stats_out");
    args_.model_path = raw_.model_path;
    if (!raw_.max_memory.empty())
      args_.max_memory = parse_byte_size("--max_memory", raw_.max_memory);
    args_.device = parse_device(raw_.device);
    args_.trust_remote_code = parse_bool_option("--trust_remote_code", raw_.trust_remote_code);
    if (!raw_.model_type.empty()) args_.model_type = raw_.model_type;
    if (!raw_.save_format.empty()) {
      args_.save_format = raw_.save_format;
      if (raw_.save_format != "ascendv1" && raw_.save_format != "compressed_tensors")
        throw UsageError(fmt::format("--save_format '{}' is unknown", raw_.save_format),
                         "use ascendv1 or compressed_tensors");
    }
    if (args_.json && !args_.dry_run)
      throw UsageError("--json belongs to --dry_run", "add --dry_run, or drop --json");
    args_.verify = parse_verify();
    if (!raw_.calib_dataset.empty()) args_.calib_dataset = raw_.calib_dataset;
    std::erase(args_.tags, "");
    return args_;
  }

  Verify parse_verify() const {
    if (raw_.verify == "none" && args_.max_kl)
      throw UsageError("--max_kl needs a figure, --verify none makes none",
                       "use --verify quick or full");
    if (raw_.verify == "quick") return Verify::kQuick;
    if (raw_.verify == "full") return Verify::kFull;
    if (raw_.verify == "none") return Verify::kNone;
    throw UsageError(fmt::format("--verify '{}' is unknown", raw_.verify),
                     "use quick, full or none");
  }

  CLI::App app_;
  Raw raw_;
  QuantArgs args_;
};

}  // namespace

QuantArgs parse_quant_args(const std::vector<std::string>& args) { return Parser().parse(args); }

std::string quant_help() { return Parser().help(); }

std::vector<QuantArgs> each_recipe(const QuantArgs& args) {
  std::vector<QuantArgs> all = {args};
  all.front().others.clear();
  for (const QuantTarget& target : args.others) {
    QuantArgs& next = all.emplace_back(all.front());
    next.save_path = target.save_path;
    next.quant_type = target.quant_type;
    next.config_path = target.config_path;
  }
  return all;
}

}  // namespace msmodelslim
